import { type Database, sql } from 'service-kit';
import type { AwaitingReader } from '../domain/ports.ts';

const OVERDUE_MS =
  'greatest(coalesce(1000 * extract(epoch FROM clock_timestamp() - min(payment_due_at)), 0), 0)::float8';

/** The index holds only orders that await payment, however many others there are, and no more of it is read than is counted. */
export function createAwaitingReader(database: Database): AwaitingReader {
  return {
    async read(countMax, { signal }) {
      const awaiting = sql
        .select()
        .from('orders')
        .field('payment_due_at')
        .where('status = ?', 'awaiting payment')
        .order('payment_due_at')
        .limit(countMax);
      const statement = sql
        .select()
        .from(awaiting, 'awaiting')
        .field('count(*)', 'orders')
        .field(OVERDUE_MS, 'overdue_ms');
      const [row] = await database.run<{ orders: bigint; overdue_ms: number }>('read awaiting', statement, { signal });
      return { orders: Number(row?.orders ?? 0), overdueMs: row?.overdue_ms ?? 0 };
    },
  };
}
