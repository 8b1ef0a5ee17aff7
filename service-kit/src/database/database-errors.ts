import './postgres-variables.ts';
import { DatabaseError } from 'pg';
import { type Interceptor, RpcError, toRpcError } from 'rpc-kit';

/** The SQLSTATEs that are acted on (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
export const SQLSTATE = {
  uniqueViolation: '23505',
  checkViolation: '23514',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  queryCanceled: '57014',
} as const;

/** The transaction lost against another one and did nothing; the same work again may well win. */
export function isLostRace(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === SQLSTATE.serializationFailure || state === SQLSTATE.deadlockDetected;
}

/**
 * The database refused what the statement brought, and will again: data exceptions (class 22), constraints that the data
 * breaks (23), and limits of the database that it is beyond (54).
 */
export function isFaultOfData(error: unknown): boolean {
  return /^(22|23|54)/.test(sqlStateOf(error) ?? '');
}

export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

/** The database could not be had, or not in time. What belonged to a transaction did not take effect. */
export class DatabaseUnavailable extends Error {
  override readonly name: string = 'DatabaseUnavailable';
}

/** The database went away between a COMMIT and its answer: the transaction took effect whole or not at all, nobody knows. */
export class CommitUnconfirmed extends DatabaseUnavailable {
  override readonly name = 'CommitUnconfirmed';
}

/**
 * Connection failures (class 08, and what pgbouncer reports under it), too many connections (53300), shutdown (57P0x),
 * a time limit (57014, 25P0x), or no answer of a server at all, in which case the error is no DatabaseError.
 */
const UNAVAILABLE_STATES = /^(08...|53300|57P0[123]|57014|25P0[34])$/;

export function isDatabaseUnavailable(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === undefined ? isDriverError(error) : UNAVAILABLE_STATES.test(state);
}

/** An error of pg as what it means to a service. */
export function toDatabaseFailure(error: unknown): unknown {
  if (!isDatabaseUnavailable(error)) return error;
  return new DatabaseUnavailable('The database is not available', { cause: error });
}

/** The same of an error that came back for a COMMIT. */
export function toCommitFailure(error: unknown): unknown {
  if (!isDatabaseUnavailable(error)) return error;
  return new CommitUnconfirmed('The database did not confirm a COMMIT', { cause: error });
}

/** pg's own errors are plain Errors with such a message, or system errors with a code. */
function isDriverError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const systemError = typeof (error as NodeJS.ErrnoException).syscall === 'string';
  return systemError || /connection|timeout exceeded|client has encountered/i.test(error.message);
}

/** How long a caller should wait before it tries a database again that did not answer. */
const RETRY_AFTER_MS = 1_000;

/** What a caller is told of the database: that it is not there, that it fell silent, or that its call lost a race. Never more. */
export function databaseErrors(): Interceptor {
  return (next) => async (call) => {
    try {
      return await next(call);
    } catch (error) {
      const { cause } = toRpcError(error);
      // The code that says of a change: it may have been made. Unlike `unavailable`, it invites nobody to make it again.
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
  };
}
