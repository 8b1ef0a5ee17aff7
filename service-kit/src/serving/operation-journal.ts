import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Call, type Interceptor, type Next, outsideCalls, toRpcError } from 'rpc-kit';
import { runInHalves } from 'worker-pool';
import { type Background, startBackground } from '../background/background.ts';
import type { CallScope, Database, Executor } from '../database/database.ts';
import { isFaultOfData } from '../database/database-errors.ts';
import { type Statement, statement } from '../database/statement.ts';

/** One call: method, caller, result, times. */
export interface Operation {
  readonly requestId: string;
  readonly method: string;
  /** The proven service; under ACCESS=open, its User-Agent. */
  readonly caller: string | undefined;
  readonly code: string;
  readonly reason: string | undefined;
  readonly startedAt: Date;
  /** The caller's deadline or the contract's timeout, whichever was earlier. */
  readonly deadlineAt: Date;
  readonly durationMs: number;
}

export interface OperationJournal {
  /** Resolves when the operation is saved. Operations are inserted in batches, but each fails alone. */
  save(operation: Operation): Promise<void>;
}

/** Rows of one insert. */
const BATCH_MAX = 200;
/** How long a batch collects operations; the journal is read much later. */
const BATCH_WAIT_MS = 50;

/**
 * Records every call of a method that changes data, after it has been answered. Reads are many times more frequent and are
 * only in the log.
 */
export function journalOperations(journal: OperationJournal): Interceptor {
  return (next) => (call) => (call.contract && !call.contract.reads ? journaled(journal, next, call) : next(call));
}

async function journaled(journal: OperationJournal, next: Next, call: Call): Promise<unknown> {
  const startedAt = new Date();
  const began = performance.now();
  const deadlineAt = new Date(startedAt.getTime() + call.deadlineAt - began);
  const record = (code: string, reason?: string): void => {
    const durationMs = performance.now() - began;
    const operation = { ...describe(call), code, reason, startedAt, deadlineAt, durationMs };
    call.defer?.(() => journal.save(operation));
  };
  try {
    const result = await next(call);
    record('ok');
    return result;
  } catch (error) {
    const { code, reason } = toRpcError(error);
    record(code, reason);
    throw error;
  }
}

function describe({ requestId, method, caller }: Call) {
  return { requestId, method, caller: caller.service ?? caller.name };
}

/** The journal in the table `operations`. */
export function createOperationJournal(database: Executor): OperationJournal {
  let batch: Entry[] | undefined;

  async function saveLater(entries: readonly Entry[]): Promise<void> {
    await sleep(BATCH_WAIT_MS);
    if (batch === entries) batch = undefined;
    await saveTogether(entries);
  }

  /** A refused row fails alone. */
  function saveTogether(entries: readonly Entry[]): Promise<void> {
    return runInHalves(entries, insert, isFaultOfData, (failed, error) => {
      for (const { saved } of failed) saved.reject(error);
    });
  }

  async function insert(entries: readonly Entry[]): Promise<void> {
    await database.run('save operations', insertOperations(entries));
    for (const { saved } of entries) saved.resolve();
  }

  return {
    save(operation) {
      const entry = { operation, saved: Promise.withResolvers<void>() };
      if (batch && batch.length < BATCH_MAX) batch.push(entry);
      else {
        const entries = [entry];
        batch = entries;
        // The insert serves many calls, so it must not run in the trace and log scope of one.
        outsideCalls(() => saveLater(entries));
      }
      return entry.saved.promise;
    },
  };
}

interface Entry {
  readonly operation: Operation;
  readonly saved: PromiseWithResolvers<void>;
}

/** One array for each column, so the text is the same for any number of operations. */
function insertOperations(entries: readonly Entry[]): Statement {
  const column = (name: keyof Operation) => entries.map(({ operation }) => operation[name] ?? null);
  return statement`
    INSERT INTO operations (request_id, method, caller, code, reason, started_at, deadline_at, duration_ms)
    SELECT * FROM unnest(
      ${column('requestId')}::text[], ${column('method')}::text[], ${column('caller')}::text[],
      ${column('code')}::text[], ${column('reason')}::text[], ${column('startedAt')}::timestamptz[],
      ${column('deadlineAt')}::timestamptz[], ${column('durationMs')}::double precision[]
    )`;
}

/** Pause between clean-ups. */
const FORGET_IDLE_MS = 60_000;

/** Deletes expired operations in the background. */
export function startForgetting(database: Database, keptDays: number, logger: Logger, registry?: Registry): Background {
  const keptMs = keptDays * 86_400_000;
  return startBackground({
    name: 'forget old operations',
    logger,
    registry,
    idleMs: FORGET_IDLE_MS,
    round: (signal) => forgetOldOperations(database, keptMs, { signal }),
  });
}

/** Rows of one delete, which keeps its transaction short. */
const DELETE_BATCH_MAX = 1_000;

/**
 * Deletes the oldest expired operations.
 * @returns whether there may be more
 */
export async function forgetOldOperations(database: Database, keptMs: number, scope: CallScope): Promise<boolean> {
  const forget = statement`
    DELETE FROM operations WHERE operation_id IN (
      SELECT operation_id FROM operations
      WHERE started_at < statement_timestamp() - ${keptMs} * interval '1 millisecond'
      ORDER BY started_at LIMIT ${DELETE_BATCH_MAX}
    )
    RETURNING operation_id`;
  return (await database.run('forget old operations', forget, scope)).length === DELETE_BATCH_MAX;
}
