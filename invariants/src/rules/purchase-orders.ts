import type { Query, Row } from '../query.ts';

/** Goods as text, `sku*count` ascending by sku, so that two lists are compared as one. */
const PURCHASES = `
  SELECT purchase_id::text AS key, user_id, state, order_id,
    (SELECT string_agg(sku || '*' || count, ' ' ORDER BY sku) FROM purchase_items items
      WHERE items.purchase_id = purchases.purchase_id) AS goods
  FROM purchases
  WHERE state <> 'pending'`;

/** What loms made of each key of checkout, which are the ids of its purchases. */
const ORDERS = `
  SELECT key, order_id, orders.user_id, status,
    (SELECT string_agg(sku || '*' || count, ' ' ORDER BY sku) FROM order_items items
      WHERE items.order_id = orders.order_id) AS goods
  FROM idempotency_keys JOIN orders USING (order_id)
  WHERE caller IN ('checkout', '*')`;

/** Settled purchases that say something else than loms about their order. */
export async function findPurchasesAmiss(loms: Query, checkout: Query): Promise<Row[]> {
  const orders = new Map((await loms(ORDERS)).map((row) => [row.key as string, row]));
  const purchases = await checkout(PURCHASES);
  return purchases.flatMap((purchase) => {
    const order = orders.get(purchase.key as string);
    return agree(purchase, order) ? [] : [{ purchase, order: order ?? 'none' }];
  });
}

function agree(purchase: Row, order: Row | undefined): boolean {
  const hasOrder = purchase.state === 'ordered' || purchase.state === 'out of stock';
  if (!hasOrder || order === undefined) return !hasOrder && order === undefined;
  const isFailed = purchase.state === 'out of stock';
  return (
    isFailed === (order.status === 'failed') &&
    (['order_id', 'user_id', 'goods'] as const).every((field) => purchase[field] === order[field])
  );
}
