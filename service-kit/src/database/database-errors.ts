import './postgres-variables.ts';
import { DatabaseError } from 'pg';
import { type Interceptor, RpcError, toRpcError } from 'rpc-kit';

/** The SQLSTATEs that the code handles (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
export const SQLSTATE = {
  uniqueViolation: '23505',
  checkViolation: '23514',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  queryCanceled: '57014',
  invalidStatementName: '26000',
  featureNotSupported: '0A000',
} as const;

/** Thrown by the work of a transaction that finds that another one was faster: it is rolled back and runs again. */
export class LostRace extends Error {
  override readonly name = 'LostRace';
}

/** The transaction lost a conflict with another one and was rolled back; a retry may succeed. */
export function isLostRace(error: unknown): boolean {
  if (error instanceof LostRace) return true;
  const state = sqlStateOf(error);
  return state === SQLSTATE.serializationFailure || state === SQLSTATE.deadlockDetected;
}

/**
 * The database refused the data, so a retry fails too: data exceptions (class 22), violated constraints (23), exceeded
 * limits (54).
 */
export function isFaultOfData(error: unknown): boolean {
  return /^(22|23|54)/.test(sqlStateOf(error) ?? '');
}

export function isViolationOf(constraint: string, error: unknown): boolean {
  return error instanceof DatabaseError && error.code === SQLSTATE.uniqueViolation && error.constraint === constraint;
}

export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** The database was unreachable or too slow. A transaction did not take effect. */
export class DatabaseUnavailable extends Error {
  override readonly name: string = 'DatabaseUnavailable';
}

/** The connection broke between a COMMIT and its answer: it is unknown whether the transaction took effect. */
export class CommitUnconfirmed extends DatabaseUnavailable {
  override readonly name = 'CommitUnconfirmed';
}

/**
 * Connection failures (class 08, and what pgbouncer reports under it), too many connections (53300), shutdown (57P0x),
 * a time limit (57014, 25P0x), or no answer from the server, in which case the error is no DatabaseError.
 */
const UNAVAILABLE_STATES = /^(08...|53300|57P0[123]|57014|25P0[34])$/;

export function isDatabaseUnavailable(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === undefined ? isDriverError(error) : UNAVAILABLE_STATES.test(state);
}

/** Maps an error of pg to DatabaseUnavailable if that is its meaning. */
export function toDatabaseFailure(error: unknown): unknown {
  if (!isDatabaseUnavailable(error)) return error;
  return new DatabaseUnavailable('The database is not available', { cause: error });
}

/** The same for an error of a COMMIT, or of a message with one. */
export function toCommitFailure(error: unknown): unknown {
  if (!isDatabaseUnavailable(error)) return error;
  // A cancelled statement or COMMIT has no effect.
  if (sqlStateOf(error) === SQLSTATE.queryCanceled || isNeverSent(error)) return toDatabaseFailure(error);
  return new CommitUnconfirmed('The database did not confirm a COMMIT', { cause: error });
}

/** pgbouncer found no connection of the server for the message. */
function isNeverSent(error: unknown): boolean {
  return error instanceof DatabaseError && NEVER_SENT.test(error.message);
}

const NEVER_SENT = /query_wait_timeout|server_login_retry|server login failed|server down/;

/** pg throws plain Errors with such a message, or system errors with a code. */
function isDriverError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const systemError = typeof (error as NodeJS.ErrnoException).syscall === 'string';
  return systemError || /connection|timeout exceeded|client has encountered/i.test(error.message);
}

/** The Retry-After of calls that failed because of the database. */
const RETRY_AFTER_MS = 1_000;

/** Maps database failures to three errors for callers: unavailable, unconfirmed, or aborted by a conflict. Details stay in `cause`. */
export function databaseErrors(): Interceptor {
  return (next) => (call) => next(call).catch(refuseForDatabase);
}

function refuseForDatabase(error: unknown): never {
  const { cause } = toRpcError(error);
  // `deadline_exceeded` means that the change may have been made; `unavailable` would invite a retry.
  if (cause instanceof CommitUnconfirmed) {
    throw new RpcError('deadline_exceeded', 'It is not known whether the change was saved', { cause });
  }
  if (cause instanceof DatabaseUnavailable) {
    throw new RpcError('unavailable', 'The service cannot reach its data right now', {
      cause,
      retryAfterMs: RETRY_AFTER_MS,
    });
  }
  if (isLostRace(cause)) {
    throw new RpcError('aborted', 'The call lost a race with others too often', {
      cause,
      retryAfterMs: RETRY_AFTER_MS,
    });
  }
  throw error;
}
