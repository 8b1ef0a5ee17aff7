import { check, type Rule } from '../rule.ts';
import { findAnswersAmiss, findPurchaseAnswersAmiss } from './answers.ts';
import { findOtherBodies } from './other-bodies.ts';
import { findPurchasesAmiss } from './purchase-orders.ts';

/** A key names one order, and an order has one key; a key that names none was never settled. */
const KEYS_AMISS = `
  SELECT order_id, array_agg(key ORDER BY key) AS keys, min(status) AS status
  FROM idempotency_keys LEFT JOIN orders USING (order_id)
  GROUP BY order_id
  HAVING count(*) > 1 OR order_id IS NULL OR bool_or((shortages = '[]') = (status = 'failed'))`;

export const PURCHASE: readonly Rule[] = [
  {
    id: 'P1',
    says: 'A key has one order at most and the same in every answer; an ok’s order has just the goods asked for, a fail has none.',
    checks: [
      check('the keys', ['loms'], ({ loms }) => loms(KEYS_AMISS)),
      check('the purchases', ['loms', 'checkout'], ({ loms, checkout }) => findPurchasesAmiss(loms, checkout)),
      check('the answers', ['loms', 'history'], ({ loms, history }) => findAnswersAmiss(loms, history)),
      check('the answers of purchase', ['checkout', 'history'], ({ checkout, history }) =>
        findPurchaseAnswersAmiss(checkout, history),
      ),
    ],
  },
  {
    id: 'P2',
    says: 'A user’s key is bound to one body: another is refused as idempotency_conflict, and nothing else is.',
    checks: [check('the bodies', ['history'], ({ history }) => findOtherBodies(history))],
  },
];
