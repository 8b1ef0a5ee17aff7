import { type Database, statement } from 'service-kit';
import type { AwaitingReader } from '../domain/ports.ts';

/** The index holds only orders that await payment, and no more of it is read than is counted. */
export function createAwaitingReader(database: Database): AwaitingReader {
  return {
    async read(countMax, { signal }) {
      const read = statement`
        SELECT count(*) AS orders,
          greatest(coalesce(1000 * extract(epoch FROM clock_timestamp() - min(payment_due_at)), 0), 0)::float8 AS overdue_ms
        FROM (
          SELECT payment_due_at FROM orders WHERE status = 'awaiting payment' ORDER BY payment_due_at LIMIT ${countMax}
        ) awaiting`;
      const [row] = await database.run<{ orders: bigint; overdue_ms: number }>('read awaiting', read, { signal });
      return { orders: Number(row?.orders ?? 0), overdueMs: row?.overdue_ms ?? 0 };
    },
  };
}
