import { type Database, statement } from 'service-kit';
import type { ChangeReader, OrderStatus } from '../domain/ports.ts';

interface ChangeRow {
  readonly order_id: bigint;
  readonly seq: number;
  readonly status: OrderStatus;
  readonly changed_at: Date;
}

/** Nearly every order has fewer; the others follow at the next reading. */
const CHANGES_OF_ORDER_MAX = 4;

export function createChangeReader(database: Database): ChangeReader {
  return {
    async last(orderID, { signal }) {
      const read = statement`
        SELECT order_id, seq, status, changed_at FROM order_status_history
        WHERE order_id = ${orderID} ORDER BY seq DESC LIMIT 1`;
      const [row] = await database.run<ChangeRow>('find last change', read, { signal });
      return row && toChange(row);
    },

    async behind(places, { signal }) {
      const orderIDs = places.map((place) => place.orderID);
      const seqs = places.map(({ seq }) => seq);
      // The limit also keeps the planner from a join that reads the whole history.
      const read = statement`
        SELECT behind.* FROM unnest(${orderIDs}::bigint[], ${seqs}::integer[]) AS place (order_id, seq), LATERAL (
          SELECT order_id, seq, status, changed_at FROM order_status_history history
          WHERE history.order_id = place.order_id AND history.seq > place.seq ORDER BY history.seq LIMIT ${CHANGES_OF_ORDER_MAX}
        ) AS behind
        ORDER BY order_id, seq`;
      return (await database.run<ChangeRow>('read changes', read, { signal })).map((row) => ({
        orderID: row.order_id,
        ...toChange(row),
      }));
    },
  };
}

function toChange({ seq, status, changed_at: at }: ChangeRow) {
  return { seq, status, at };
}
