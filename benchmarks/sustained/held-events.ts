import type { Database } from 'service-kit';

/**
 * From now on no event becomes due, so the relay finds nothing to deliver. A receiver that is stopped instead would not do: loms would try,
 * fail and postpone each event, which costs as much as to deliver it.
 */
export async function holdEvents(database: Database): Promise<void> {
  await database.query(`
    CREATE OR REPLACE FUNCTION hold_event() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN NEW.available_at := 'infinity'; RETURN NEW; END $$`);
  await database.query('CREATE TRIGGER hold_event BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION hold_event()');
}

/** @throws {Error} if an event was delivered or claimed although it was held */
export async function releaseEvents(database: Database): Promise<void> {
  await database.query('DROP TRIGGER hold_event ON outbox');
  const [row] = await database.query(`
    WITH released AS (UPDATE outbox SET available_at = statement_timestamp() WHERE delivered_at IS NULL RETURNING attempts)
    SELECT count(*)::int AS held, count(*) FILTER (WHERE attempts > 0)::int AS claimed FROM released`);
  if (row?.held === 0 || row?.claimed !== 0) {
    throw new Error(
      `Of ${row?.held} events that were held, loms has claimed ${row?.claimed}: the run without delivery says nothing.`,
    );
  }
}
