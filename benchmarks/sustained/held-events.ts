import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, statement } from 'service-kit';

/** From now on each event is written as if it were delivered already, so the relay finds nothing. */
export async function holdEvents(database: Database): Promise<void> {
  await database.query(`
    CREATE OR REPLACE FUNCTION hold_event() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.delivered_at := 'infinity'; RETURN NEW; END $$`);
  await database.query('CREATE TRIGGER hold_event BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION hold_event()');
}

/** The held events in the order in which they were made; no further ones are held. */
export async function takeHeldEvents(database: Database): Promise<HeldEvent[]> {
  await database.query('DROP TRIGGER hold_event ON outbox');
  const rows = await database.query(`
    SELECT event_id, (1000 * extract(epoch FROM changed_at))::float8 AS at FROM outbox
    WHERE delivered_at = 'infinity' ORDER BY changed_at, order_id, seq`);
  if (rows.length === 0) throw new Error('No event was held, so the delivery alone cannot be measured.');
  return rows.map(({ event_id, at }) => ({ id: event_id, at: Number(at) }));
}

export interface HeldEvent {
  readonly id: string;
  /** When it was made, by Date.now(). */
  readonly at: number;
}

/** Makes the events due one after the other, as far apart as they were made. */
export async function replayEvents(database: Database, events: readonly HeldEvent[]): Promise<void> {
  const first = events[0]?.at ?? 0;
  const startedAt = performance.now();
  for (let released = 0; released < events.length; await sleep(TICK_MS)) {
    const dueUntil = first + performance.now() - startedAt;
    const end = events.findIndex(({ at }) => at > dueUntil);
    const due = events.slice(released, end < 0 ? undefined : end);
    if (due.length > 0) await releaseEvents(database, due);
    released += due.length;
  }
}

/** Below the 20 ms between two rounds of the relay. */
const TICK_MS = 5;

export async function releaseEvents(database: Database, events: readonly HeldEvent[]): Promise<void> {
  const ids = events.map(({ id }) => id);
  await database.run(
    'release events',
    statement`
      UPDATE outbox SET delivered_at = NULL, available_at = statement_timestamp() WHERE event_id = ANY(${ids}::uuid[])`,
  );
}
