import { type Executor, statement } from 'service-kit';
import type { AdjustmentOutcome, Adjustments, Context } from '../domain/ports.ts';

interface AdjustmentRow {
  readonly sku: bigint;
  readonly warehouse_id: bigint;
  readonly delta: bigint;
  readonly on_sale: bigint;
  readonly refusal: AdjustmentOutcome['refusal'] | null;
}

export function createAdjustments(transaction: Executor, context: Context): Adjustments {
  const { requestId = null } = context;
  return {
    async claim({ idempotencyKey, caller, actor = null, sku, warehouseID, delta }) {
      // Waits for the end of another transaction that has inserted the key.
      const claim = statement`
        INSERT INTO stock_adjustments (key, caller, actor, sku, warehouse_id, delta, request_id)
        VALUES (${idempotencyKey}, ${caller}, ${actor}, ${sku}, ${warehouseID}, ${delta}, ${requestId})
        ON CONFLICT (key, actor, caller) DO NOTHING RETURNING adjustment_id`;
      if ((await transaction.run('claim stock adjustment', claim)).length > 0) return 'claimed';
      const find = statement`
        SELECT sku, warehouse_id, delta, on_sale, refusal FROM stock_adjustments
        WHERE key = ${idempotencyKey} AND actor IS NOT DISTINCT FROM ${actor}::bigint AND caller = ${caller}`;
      const [earlier] = await transaction.run<AdjustmentRow>('find stock adjustment', find);
      if (!earlier) throw new Error('a stock adjustment vanished under its call');
      const isSame = earlier.sku === BigInt(sku) && earlier.warehouse_id === warehouseID && earlier.delta === delta;
      return isSame ? { onSale: earlier.on_sale, refusal: earlier.refusal ?? undefined } : 'other body';
    },

    async settle({ idempotencyKey, caller, actor = null }, { onSale, refusal = null }) {
      // The stock is locked, so the times of its adjustments and orders have the order of their locks.
      const settle = statement`
        UPDATE stock_adjustments
        SET on_sale = ${onSale}, refusal = ${refusal}, at = date_trunc('milliseconds', statement_timestamp())
        WHERE key = ${idempotencyKey} AND actor IS NOT DISTINCT FROM ${actor}::bigint AND caller = ${caller}`;
      await transaction.run('settle stock adjustment', settle);
    },
  };
}
