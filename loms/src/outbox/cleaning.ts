import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, type Database, sql, startBackground } from 'service-kit';

/** How often it is looked for events that are past their time. */
const IDLE_MS = 60_000;
/** Old rows are deleted in steps of this many, so that no transaction is long. */
const BATCH_MAX = 1_000;
const HOUR_MS = 3_600_000;

/** Deletes events in the background that were delivered longer ago than they are kept for. */
export function startOutboxCleaning(
  database: Database,
  keptHours: number,
  logger: Logger,
  registry?: Registry,
): Background {
  return startBackground({
    name: 'forget delivered events',
    logger,
    registry,
    idleMs: IDLE_MS,
    round: (signal) => forgetDeliveredEvents(database, keptHours * HOUR_MS, signal),
  });
}

/**
 * Deletes the events that were delivered first, and notes how many: replicas that do so at once wait for each other's note.
 * @returns whether there may be more of them
 */
export async function forgetDeliveredEvents(
  database: Database,
  keptMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const old = sql
    .select()
    .from('outbox')
    .field('event_id')
    .where(`delivered_at < statement_timestamp() - ? * interval '1 millisecond'`, keptMs)
    .order('delivered_at')
    .limit(BATCH_MAX)
    .for('UPDATE SKIP LOCKED');
  const forgotten = sql.delete().from('outbox').where('event_id IN ?', old).returning('delivered_at');
  const statement = sql
    .update()
    .with('forgotten', forgotten)
    .table('outbox_forgotten')
    .set('events', sql.str('events + (SELECT count(*) FROM forgotten)'))
    .set('delivered_to', sql.str('greatest(delivered_to, (SELECT max(delivered_at) FROM forgotten))'))
    .where('EXISTS (SELECT 1 FROM forgotten)')
    .returning('(SELECT count(*) FROM forgotten)', 'events');
  const [row] = await database.run<{ events: bigint }>('forget delivered events', statement, { signal });
  return row?.events === BigInt(BATCH_MAX);
}
