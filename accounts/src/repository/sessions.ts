import { randomUUID } from 'node:crypto';
import { type Database, type Executor, type Statement, statement } from 'service-kit';
import type { Device, Role, SessionCounter, SessionReader, Sessions } from '../domain/ports.ts';
import { addRevocations } from './revocations.ts';

const SECOND_MS = 1_000;
const DAY_MS = 24 * 3_600 * SECOND_MS;
/** How long the token before may ask for its successor again: a client whose answer was lost retries within this time. */
const GRACE_MS = 10 * SECOND_MS;
/** A session that is not used for this long expires. */
const SLIDING_MS = 14 * DAY_MS;
/** A session expires after this time however often it is used. */
const ABSOLUTE_MS = 30 * DAY_MS;
/** Of one user; a login beyond it ends the session that was used least lately. It bounds the list of sessions. */
const LIVE_MAX = 100;

interface LockedRow {
  readonly user_id: bigint;
  readonly email: string;
  readonly role: Role;
  readonly counter: number;
  readonly is_live: boolean;
  readonly is_in_grace: boolean;
  readonly absolute_expires_at: Date;
}

interface SessionRow {
  readonly session_id: string;
  readonly created_at: Date;
  readonly rotated_at: Date;
  readonly expires_at: Date;
  readonly ip: string | null;
  readonly user_agent: string | null;
}

export function createSessions(transaction: Executor): Sessions {
  async function endThose(name: string, end: Statement): Promise<number> {
    const ended = await transaction.run<{ session_id: string }>(name, end);
    await addRevocations(
      transaction,
      ended.map((row) => row.session_id),
    );
    return ended.length;
  }

  /** The sessions are locked in the order of their ids, so no two transactions wait for each other in a circle. */
  async function evict(user: bigint): Promise<void> {
    const end = statement`
      UPDATE sessions SET revoked_at = now, expires_at = least(expires_at, now), reason = 'evicted'
      FROM clock_timestamp() now
      WHERE session_id IN (
        SELECT session_id FROM sessions
        WHERE session_id IN (
          SELECT session_id FROM sessions WHERE user_id = ${user} AND revoked_at IS NULL
          ORDER BY rotated_at DESC, session_id OFFSET ${LIVE_MAX}
        )
        ORDER BY session_id FOR UPDATE
      ) AND revoked_at IS NULL
      RETURNING session_id`;
    await endThose('evict sessions', end);
  }

  return {
    async start(user, device) {
      const sessionID = randomUUID();
      const { userAgent, address } = columnsOf(device);
      const start = statement`
        INSERT INTO sessions (
          session_id, user_id, rotated_at, created_at, expires_at, absolute_expires_at, user_agent, ip
        )
        SELECT ${sessionID}::uuid, ${user}::bigint, now, now, now + ${SLIDING_MS} * interval '1 millisecond',
          now + ${ABSOLUTE_MS} * interval '1 millisecond', ${userAgent}::text, ${address}::text
        FROM clock_timestamp() now`;
      await transaction.run('start session', start);
      await evict(user);
      return { sessionID, counter: 1 };
    },

    async lock(sessionID) {
      const lock = statement`
        SELECT user_id, email, role, counter, absolute_expires_at,
          revoked_at IS NULL AND expires_at > clock_timestamp() AND disabled_at IS NULL AS is_live,
          rotated_at > clock_timestamp() - ${GRACE_MS} * interval '1 millisecond' AS is_in_grace
        FROM sessions JOIN users USING (user_id)
        WHERE session_id = ${sessionID} FOR UPDATE OF sessions`;
      const [row] = await transaction.run<LockedRow>('lock session', lock);
      if (!row) return undefined;
      const { user_id: user, email, role, counter, absolute_expires_at: endsAt } = row;
      return { user: { user, email, role }, counter, isLive: row.is_live, isInGrace: row.is_in_grace, endsAt };
    },

    async rotate(sessionID, device) {
      const { userAgent, address } = columnsOf(device);
      const rotate = statement`
        UPDATE sessions SET counter = counter + 1, rotated_at = now,
          expires_at = least(now + ${SLIDING_MS} * interval '1 millisecond', absolute_expires_at),
          user_agent = coalesce(${userAgent}, user_agent), ip = coalesce(${address}, ip)
        FROM clock_timestamp() now WHERE session_id = ${sessionID}`;
      await transaction.run('rotate session', rotate);
    },

    async end(sessionID, reason, user) {
      const end = statement`
        UPDATE sessions SET revoked_at = now, expires_at = least(expires_at, now), reason = ${reason}
        FROM clock_timestamp() now
        WHERE session_id = ${sessionID} AND user_id = coalesce(${user ?? null}::bigint, user_id) AND revoked_at IS NULL
        RETURNING session_id`;
      return (await endThose('end session', end)) > 0;
    },

    async has(user, sessionID) {
      const find = statement`SELECT FROM sessions WHERE session_id = ${sessionID} AND user_id = ${user}`;
      return (await transaction.run('find session', find)).length > 0;
    },

    async endAll(user, reason, except) {
      const end = statement`
        UPDATE sessions SET revoked_at = now, expires_at = least(expires_at, now), reason = ${reason}
        FROM clock_timestamp() now
        WHERE session_id IN (
          SELECT session_id FROM sessions WHERE user_id = ${user} AND revoked_at IS NULL
            AND session_id IS DISTINCT FROM ${except ?? null}::uuid
          ORDER BY session_id FOR UPDATE
        )
        RETURNING session_id`;
      return endThose('end sessions', end);
    },
  };
}

const columnsOf = ({ userAgent, address }: Device) => ({ userAgent: userAgent ?? null, address: address ?? null });

export function createSessionReader(database: Database): SessionReader {
  return {
    async list(user, { signal }) {
      const list = statement`
        SELECT session_id, created_at, rotated_at, expires_at, ip, user_agent FROM sessions
        WHERE user_id = ${user} AND revoked_at IS NULL AND expires_at > statement_timestamp()
        ORDER BY created_at DESC, session_id LIMIT ${LIVE_MAX}`;
      const rows = await database.run<SessionRow>('list sessions', list, { signal });
      return rows.map((row) => ({
        sessionID: row.session_id,
        createdAt: row.created_at,
        usedAt: row.rotated_at,
        expiresAt: row.expires_at,
        address: row.ip ?? undefined,
        userAgent: row.user_agent ?? undefined,
      }));
    },
  };
}

/** Old rows are deleted in steps of this many, so that no transaction is long. */
const BATCH_MAX = 1_000;

/**
 * Deletes sessions that ended or expired that long ago.
 * @returns whether there may be more of them
 */
export async function forgetSessions(database: Database, keptDays: number, signal?: AbortSignal): Promise<boolean> {
  const forget = statement`
    DELETE FROM sessions WHERE session_id IN (
      SELECT session_id FROM sessions WHERE expires_at < statement_timestamp() - ${keptDays} * interval '1 day'
      ORDER BY expires_at LIMIT ${BATCH_MAX} FOR UPDATE SKIP LOCKED
    )
    RETURNING session_id`;
  return (await database.run('forget sessions', forget, { signal })).length === BATCH_MAX;
}

/** Live sessions, and users who logged in or refreshed lately. Both are counted up to a limit. */
export function createSessionCounter(database: Database): SessionCounter {
  const count = async (name: string, counted: Statement, signal: AbortSignal): Promise<number> => {
    const [row] = await database.run<{ count: bigint }>(name, counted, { signal });
    return Number(row?.count ?? 0);
  };
  return {
    live: (countMax, { signal }) =>
      count(
        'count sessions',
        statement`
          SELECT count(*) AS count FROM (
            SELECT FROM sessions WHERE expires_at > statement_timestamp() AND revoked_at IS NULL LIMIT ${countMax}
          ) live`,
        signal,
      ),
    activeUsers: (countMax, withinMs, { signal }) =>
      count(
        'count active users',
        statement`
          SELECT count(DISTINCT user_id) AS count FROM (
            SELECT user_id FROM sessions
            WHERE rotated_at > statement_timestamp() - ${withinMs} * interval '1 millisecond' LIMIT ${countMax}
          ) active`,
        signal,
      ),
  };
}
