import './postgres-variables.ts';
import { DatabaseError, type PoolClient } from 'pg';
import { SQLSTATE } from './database-errors.ts';

/**
 * Which statements the server has prepared, as far as is known. Behind pgbouncer, a transaction may run on another connection of the
 * server than the one before. From 1.21 on, pgbouncer prepares a missing statement itself; before, the server answers that it has none,
 * and the transaction is run again with all of its statements prepared anew. After a few of these, all connections have them.
 */
export interface PreparedStatements {
  has(client: PoolClient, name: string): boolean;
  /** Whether statements are prepared at all. */
  readonly isOn: boolean;
  onUsed(client: PoolClient, names: readonly string[]): void;
  onMissing(client: PoolClient): void;
}

/**
 * Beyond this many, at most one use in ten may find its statement missing. Otherwise the pooler forgets statements after each
 * transaction (server_reset_query_always), and preparing them costs more than it saves.
 */
const MISSES_MAX = 200;
const USES_PER_MISS = 10;

export function createPreparedStatements(): PreparedStatements {
  const known = new WeakMap<PoolClient, Set<string>>();
  let uses = 0;
  let misses = 0;
  return {
    get isOn() {
      return misses <= MISSES_MAX || misses * USES_PER_MISS <= uses;
    },
    has: (client, name) => known.get(client)?.has(name) ?? false,
    onUsed(client, names) {
      uses += names.length;
      const own = known.get(client) ?? new Set();
      known.set(client, own);
      for (const name of names) own.add(name);
    },
    onMissing(client) {
      misses += 1;
      known.delete(client);
    },
  };
}

/** The server does not keep the statement, or the result that it kept has other columns since a migration. Nothing was executed. */
export function isMissingStatement(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  const { code, routine } = error;
  // By the function of Postgres that refuses it: the state stands for all that is not supported, and messages may be translated.
  const hasOtherColumns = code === SQLSTATE.featureNotSupported && routine === 'RevalidateCachedQuery';
  return code === SQLSTATE.invalidStatementName || hasOtherColumns;
}
