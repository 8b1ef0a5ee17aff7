import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, type Database, startBackground, statement } from 'service-kit';

const IDLE_MS = 60_000;
/** Old rows are deleted in steps of this many, so that no transaction is long. */
const BATCH_MAX = 1_000;
const HOUR_MS = 3_600_000;

/** Deletes delivered events in the background once their retention is over. */
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
 * Deletes the events that were delivered first, and counts them in `outbox_forgotten`; replicas wait there for each other.
 * @returns whether there may be more of them
 */
export async function forgetDeliveredEvents(
  database: Database,
  keptMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const forget = statement`
    WITH forgotten AS (
      DELETE FROM outbox WHERE event_id IN (
        SELECT event_id FROM outbox WHERE delivered_at < statement_timestamp() - ${keptMs} * interval '1 millisecond'
        ORDER BY delivered_at LIMIT ${BATCH_MAX} FOR UPDATE SKIP LOCKED
      )
      RETURNING delivered_at
    )
    UPDATE outbox_forgotten SET events = events + (SELECT count(*) FROM forgotten),
      delivered_to = greatest(delivered_to, (SELECT max(delivered_at) FROM forgotten))
    WHERE EXISTS (SELECT FROM forgotten)
    RETURNING (SELECT count(*) FROM forgotten) AS events`;
  const [row] = await database.run<{ events: bigint }>('forget delivered events', forget, { signal });
  return row?.events === BigInt(BATCH_MAX);
}
