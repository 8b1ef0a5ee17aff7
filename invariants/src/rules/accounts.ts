import type { Operation } from '../history.ts';
import { check, type Rule } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';

const ADDRESSES_VIOLATIONS = `
  SELECT lower(normalize(email, NFC)) AS address, array_agg(user_id) AS users FROM users
  GROUP BY address HAVING count(*) > 1`;

/** The row of the audit commits with the account. It is kept for a day at least (AUDIT_KEPT_DAYS). */
const REGISTRATIONS_VIOLATIONS = `
  SELECT user_id, email, registrations FROM users,
    LATERAL (SELECT count(*) AS registrations FROM audit_events e WHERE e.user_id = users.user_id AND kind = 'registered') r
  WHERE registrations > 1 OR (registrations = 0 AND created_at > now() - interval '1 day')`;

export const ACCOUNTS: readonly Rule[] = [
  {
    id: 'A1',
    says: 'An e-mail address has at most one account, and an account whose tokens were used exists.',
    beyond: 'that every acknowledged registration can log in after a crash is shown by accounts/test/crashes.test.ts',
    checks: [
      check('the addresses', ['accounts'], ({ accounts }) => accounts(ADDRESSES_VIOLATIONS)),
      check('the registrations', ['accounts'], ({ accounts }) => accounts(REGISTRATIONS_VIOLATIONS)),
      check('the signed in', ['accounts', 'history'], ({ accounts, history }) => findUnknown(accounts, history), {
        optional: true,
      }),
    ],
  },
];

async function findUnknown(accounts: Query, history: readonly Operation[]): Promise<readonly Row[]> {
  const acting = history.flatMap(({ actsFor, result }) => (actsFor === undefined || result !== 'ok' ? [] : [actsFor]));
  const users = [...new Set(acting)];
  const rows = await accounts('SELECT user_id FROM users WHERE user_id = ANY($1)', [users]);
  const known = new Set(rows.map(({ user_id }) => user_id));
  return users.filter((user) => !known.has(user)).map((user) => ({ user_id: user }));
}
