import { eventually } from '../src/patience.ts';
import type { Sql } from '../src/sql.ts';

/** Waits until the background has finished its work. */
export async function drained({
  sql,
}: {
  readonly sql: { readonly loms: Sql; readonly checkout: Sql };
}): Promise<void> {
  await eventually('every event is delivered', async () => {
    return (await sql.loms('SELECT FROM outbox WHERE delivered_at IS NULL LIMIT 1')).length === 0;
  });
  await eventually('no purchase is pending', async () => {
    return (await sql.checkout("SELECT FROM purchases WHERE state = 'pending' LIMIT 1")).length === 0;
  });
}
