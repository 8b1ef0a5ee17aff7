import { type Database, type Executor, statement } from 'service-kit';
import type { RevocationReader } from '../domain/token-ports.ts';

/** Of one answer, as the contract says. */
const PAGE_MAX = 1_000;
/**
 * An access token lives for 300 seconds. The last one of a session may be signed by a call that began before the session
 * ended, and clocks differ by a few seconds; calls end within seconds, so a minute more covers both.
 */
export const REVOCATION_SECONDS = 360;
/** Old rows are deleted in steps of this many, so that no transaction is long. */
const BATCH_MAX = 1_000;

/**
 * Publishes ended sessions with the transaction that ends them. Seqs are taken under the lock of one row, which lasts until
 * the commit: a reader that sees a seq has seen every one before it. Call it last, since other such transactions wait.
 */
export async function addRevocations(transaction: Executor, sessionIDs: readonly string[]): Promise<void> {
  if (sessionIDs.length === 0) return;
  const add = statement`
    WITH taken AS (UPDATE revocations_seq SET last = last + ${sessionIDs.length} RETURNING last)
    INSERT INTO revocations (seq, session_id, until)
    SELECT last - ${sessionIDs.length} + ordinality, session_id,
      clock_timestamp() + ${REVOCATION_SECONDS} * interval '1 second'
    FROM taken, unnest(${sessionIDs}::uuid[]) WITH ORDINALITY ended (session_id, ordinality)`;
  await transaction.run('add revocations', add);
}

const INT64_MAX = 2n ** 63n - 1n;

interface RevocationRow {
  readonly seq: bigint;
  readonly session_id: string;
  readonly until: Date;
}

export function createRevocationReader(database: Database): RevocationReader {
  return {
    async since(seq, { signal }) {
      const from = seq < INT64_MAX ? seq : INT64_MAX;
      // A seq beyond the last one is of a database that a backup has replaced: the caller starts again.
      const list = statement`
        SELECT seq, session_id, until FROM revocations
        WHERE seq > (SELECT CASE WHEN last < ${from}::bigint THEN 0 ELSE ${from}::bigint END FROM revocations_seq)
          AND until > statement_timestamp()
        ORDER BY seq LIMIT ${PAGE_MAX}`;
      const rows = await database.run<RevocationRow>('list revocations', list, { signal });
      const revocations = rows.map((row) => ({ sessionID: row.session_id, until: row.until }));
      return { revocations, seq: rows.at(-1)?.seq ?? seq, complete: rows.length < PAGE_MAX };
    },
  };
}

/** @returns whether there may be more of them */
export async function forgetRevocations(database: Database, signal?: AbortSignal): Promise<boolean> {
  const forget = statement`
    DELETE FROM revocations
    WHERE seq IN (SELECT seq FROM revocations ORDER BY seq LIMIT ${BATCH_MAX}) AND until < statement_timestamp()
    RETURNING seq`;
  return (await database.run('forget revocations', forget, { signal })).length === BATCH_MAX;
}
