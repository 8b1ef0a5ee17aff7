import { callsOf } from '../calls.ts';
import type { Operation } from '../history.ts';
import { check, type Rule } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';
import {
  findAnswersViolations,
  findPurchaseAnswersViolations,
  goodsOf,
  keyOf,
  type Ordering,
  outcomeOf,
} from './answers.ts';

/** A key has one order, and an order one key; a key without an order was never settled. */
const KEYS_VIOLATIONS = `
  SELECT order_id, array_agg(key ORDER BY key) AS keys, min(status) AS status
  FROM idempotency_keys LEFT JOIN orders USING (order_id)
  GROUP BY order_id
  HAVING count(*) > 1 OR order_id IS NULL OR bool_or((shortages = '[]') = (status = 'failed'))`;

/** Goods as text, `sku*count` ascending by sku, so that lists can be compared. */
const PURCHASES = `
  SELECT purchase_id::text AS key, user_id, state, order_id,
    (SELECT string_agg(sku || '*' || count, ' ' ORDER BY sku) FROM purchase_items items
      WHERE items.purchase_id = purchases.purchase_id) AS goods
  FROM purchases
  WHERE state <> 'pending'`;

/** The orders of loms by checkout's keys, which are the ids of its purchases. */
const ORDERS = `
  SELECT key, order_id, orders.user_id, status,
    (SELECT string_agg(sku || '*' || count, ' ' ORDER BY sku) FROM order_items items
      WHERE items.order_id = orders.order_id) AS goods
  FROM idempotency_keys JOIN orders USING (order_id)
  WHERE caller IN ('checkout', '*')`;

export const PURCHASE: readonly Rule[] = [
  {
    id: 'P1',
    says: 'A key has at most one order, the same in every answer; the order of an ok has exactly its goods, a fail has none.',
    checks: [
      check('the keys', ['loms'], ({ loms }) => loms(KEYS_VIOLATIONS)),
      check('the purchases', ['loms', 'checkout'], ({ loms, checkout }) => findPurchasesViolations(loms, checkout)),
      check('the answers', ['loms', 'history'], ({ loms, history }) => findAnswersViolations(loms, history)),
      check('the answers of purchase', ['checkout', 'history'], ({ checkout, history }) =>
        findPurchaseAnswersViolations(checkout, history),
      ),
    ],
  },
  {
    id: 'P2',
    says: 'A user’s key is bound to one body: only another body is refused as idempotency_conflict.',
    checks: [check('the bodies', ['history'], ({ history }) => findOtherBodies(history))],
  },
];

/** Settled purchases that differ from their order in loms. */
async function findPurchasesViolations(loms: Query, checkout: Query): Promise<Row[]> {
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

/**
 * Keys with answers to two bodies, or whose only body was refused as if it were a second one. A purchase has no body except
 * its user, so it is never refused for that reason.
 */
function findOtherBodies(history: readonly Operation[]): Row[] {
  return [
    ...otherBodies('createOrder', callsOf(history, 'createOrder'), goodsOf),
    ...otherBodies('purchase', callsOf(history, 'purchase'), () => 'the cart'),
  ];
}

function otherBodies<C extends Ordering>(op: string, calls: readonly C[], bodyOf: (call: C) => string): Row[] {
  const byKey = Map.groupBy(calls, keyOf);
  byKey.delete(undefined);
  return [...byKey].flatMap(([key, ofKey]) => {
    const sent = new Set(ofKey.map(bodyOf));
    const answered = new Set(ofKey.filter((call) => outcomeOf(call) !== undefined).map(bodyOf));
    const refused = ofKey.some(({ code }) => code === 'idempotency_conflict');
    const violation =
      answered.size > 1 ? 'two bodies answered' : refused && sent.size === 1 ? 'refused without another' : '';
    return violation === '' ? [] : [{ op, key, violation, bodies: [...sent] }];
  });
}
