import { type Check, check, type Rule } from '../rule.ts';

/** A session steps once for each refresh token; each step and each lifetime begins at its last use. */
const STEPS_VIOLATIONS = `
  SELECT session_id, counter, created_at, rotated_at FROM sessions
  WHERE rotated_at < created_at OR (counter = 1) <> (rotated_at = created_at)`;

const LIFETIMES_VIOLATIONS = `
  SELECT session_id, created_at, rotated_at, expires_at, absolute_expires_at, revoked_at FROM sessions
  WHERE absolute_expires_at <> created_at + interval '720 hours'
    OR expires_at <> least(rotated_at + interval '336 hours', absolute_expires_at, revoked_at)`;

const DISABLED_VIOLATIONS = `
  SELECT session_id, user_id, sessions.created_at, disabled_at FROM sessions JOIN users USING (user_id)
  WHERE revoked_at IS NULL AND expires_at > now() AND disabled_at IS NOT NULL`;

/** The session that changes the password lives on; every other one of before has ended. */
const PASSWORD_VIOLATIONS = `
  SELECT user_id, credentials_changed_at, count(*) AS sessions FROM sessions JOIN users USING (user_id)
  WHERE revoked_at IS NULL AND expires_at > now() AND sessions.created_at < credentials_changed_at
  GROUP BY user_id, credentials_changed_at HAVING count(*) > 1`;

const ROLE_VIOLATIONS = `
  SELECT session_id, user_id, created_at, changed_at FROM sessions
  JOIN (
    SELECT user_id, max(happened_at) AS changed_at FROM audit_events WHERE kind = 'role changed' GROUP BY user_id
  ) changes USING (user_id)
  WHERE revoked_at IS NULL AND expires_at > now() AND created_at < changed_at`;

/** An access token lives for five minutes. */
const REVOCATIONS_VIOLATIONS = `
  SELECT session_id, revoked_at, seq, until FROM sessions LEFT JOIN revocations USING (session_id)
  WHERE revoked_at > now() - interval '5 minutes' AND (until >= revoked_at + interval '5 minutes') IS NOT TRUE
  UNION ALL
  SELECT session_id, NULL, seq, until FROM revocations WHERE seq > (SELECT last FROM revocations_seq)`;

export const SESSIONS: readonly Rule[] = [
  {
    id: 'A2',
    says: 'A session has one live refresh token, and expires 14 days after its last use and 30 days after its start.',
    checks: [
      check('the steps', ['accounts'], ({ accounts }) => accounts(STEPS_VIOLATIONS)),
      check('the lifetimes', ['accounts'], ({ accounts }) => accounts(LIFETIMES_VIOLATIONS)),
    ],
    beyond:
      'that a token has one successor, and that an older one ends the session, is shown by accounts/test/sessions.test.ts and accounts/test/crashes.test.ts',
  },
];

/** The part of A3 that the database shows. */
export const ENDED_SESSIONS: readonly Check[] = [
  check('the disabled', ['accounts'], ({ accounts }) => accounts(DISABLED_VIOLATIONS)),
  check('the passwords', ['accounts'], ({ accounts }) => accounts(PASSWORD_VIOLATIONS)),
  check('the roles', ['accounts'], ({ accounts }) => accounts(ROLE_VIOLATIONS)),
  check('the revocations', ['accounts'], ({ accounts }) => accounts(REVOCATIONS_VIOLATIONS)),
];
