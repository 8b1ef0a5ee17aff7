import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Call, type Interceptor, outsideCalls, toRpcError } from 'rpc-kit';
import { type Background, startBackground } from '../background/background.ts';
import type { CallScope, Database, Executor } from '../database/database.ts';
import { isFaultOfData } from '../database/database-errors.ts';
import { type Statement, statement } from '../database/statement.ts';

/** Who called what, and how that ended. */
export interface Operation {
  readonly requestId: string;
  readonly method: string;
  readonly caller: string | undefined;
  readonly code: string;
  readonly reason: string | undefined;
  readonly startedAt: Date;
  /** Until when its caller waited, or the contract let it take. */
  readonly deadlineAt: Date;
  readonly durationMs: number;
}

export interface OperationJournal {
  /** Settles when the operation is saved; operations of one moment are saved together, and each fails alone. */
  save(operation: Operation): Promise<void>;
}

/** Rows of one insert, and operations that may wait for theirs. */
const BATCH_MAX = 200;
/** How long an operation waits for others to be saved with: journals are read later, and one insert serves many. */
const GATHER_MS = 50;

/**
 * Notes every call of a method that changes something, after it has been answered. Reads are left to the log: there are many
 * times more of them, and nobody asks later who looked.
 */
export function journalOperations(journal: OperationJournal): Interceptor {
  return (next) => async (call) => {
    if (!call.contract || call.contract.reads) return next(call);
    const startedAt = new Date();
    const began = performance.now();
    const deadlineAt = new Date(startedAt.getTime() + call.deadlineAt - began);
    const note = (code: string, reason?: string): void => {
      const durationMs = performance.now() - began;
      const operation = { ...describe(call), code, reason, startedAt, deadlineAt, durationMs };
      call.defer?.(() => journal.save(operation));
    };
    try {
      const result = await next(call);
      note('ok');
      return result;
    } catch (error) {
      const { code, reason } = toRpcError(error);
      note(code, reason);
      throw error;
    }
  };
}

function describe({ requestId, method, caller }: Call) {
  return { requestId, method, caller: caller.name };
}

/** The journal in the table `operations`. */
export function createOperationJournal(database: Executor): OperationJournal {
  let gathering: Entry[] | undefined;

  async function gather(entries: readonly Entry[]): Promise<void> {
    await sleep(GATHER_MS);
    if (gathering === entries) gathering = undefined;
    await saveTogether(entries);
  }

  /**
   * A row that the database refuses fails alone: the entries are halved until it is by itself. So there are at most twice as
   * many statements as entries.
   */
  async function saveTogether(entries: readonly Entry[]): Promise<void> {
    try {
      await database.run('save operations', insertOperations(entries));
      for (const { saved } of entries) saved.resolve();
    } catch (error) {
      if (entries.length === 1 || !isFaultOfData(error)) {
        for (const { saved } of entries) saved.reject(error);
        return;
      }
      const half = Math.ceil(entries.length / 2);
      await saveTogether(entries.slice(0, half));
      await saveTogether(entries.slice(half));
    }
  }

  return {
    save(operation) {
      const entry = { operation, saved: Promise.withResolvers<void>() };
      if (gathering && gathering.length < BATCH_MAX) gathering.push(entry);
      else {
        const entries = [entry];
        gathering = entries;
        // The statement serves many calls, so it belongs to the trace and the log lines of none.
        outsideCalls(() => gather(entries));
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

/** How often it is looked for operations that are past their time. */
const FORGET_IDLE_MS = 60_000;

/** Deletes operations in the background that are older than they are kept for. */
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

/** Old rows are deleted in steps of this many, so that no transaction is long. */
const DELETE_BATCH_MAX = 1_000;

/**
 * Deletes the oldest operations that are past their time.
 * @returns whether there may be more of them
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
