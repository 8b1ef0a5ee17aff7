import { type Call, callsOf } from '../calls.ts';
import type { Operation } from '../history.ts';
import { check, type Rule } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';

/** An order's history is one of these, numbered from 1 without gaps; its end is where the order stands. */
const HISTORY_AMISS = `
  SELECT order_id, orders.seq, orders.status, told.seqs, told.statuses
  FROM orders
  LEFT JOIN (
    SELECT order_id, array_agg(seq ORDER BY seq) AS seqs, array_agg(status ORDER BY seq) AS statuses
    FROM order_status_history
    GROUP BY order_id
  ) told USING (order_id)
  WHERE (
    statuses IN (
      '{new}',
      '{new,failed}',
      '{new,awaiting payment}',
      '{new,awaiting payment,payed}',
      '{new,awaiting payment,cancelled}'
    )
    AND seqs = ARRAY(SELECT generate_series(1, cardinality(seqs)))
    AND orders.seq = cardinality(seqs)
    AND orders.status = statuses[cardinality(statuses)]
  ) IS NOT TRUE`;

/** None is left new, and none awaits payment long after its time. The background work looks every second. */
const LEFT_OPEN = `
  SELECT order_id, status, payment_due_at FROM orders
  WHERE status = 'new' OR payment_due_at < clock_timestamp() - interval '5 seconds'`;

const CANCELLED = `
  SELECT order_id, ended.changed_at AS cancelled_at,
    extract(epoch FROM ended.changed_at - began.changed_at)::float8 * 1000 AS waited_ms
  FROM order_status_history ended
  JOIN order_status_history began USING (order_id)
  WHERE ended.status = 'cancelled' AND began.status = 'awaiting payment'`;

export const STATUS: readonly Rule[] = [
  {
    id: 'O1',
    says: 'An order’s history is seq 1..n along legal edges and ends where the order stands, with one terminal status at most.',
    checks: [check('the steps', ['loms'], ({ loms }) => loms(HISTORY_AMISS))],
  },
  {
    id: 'O2',
    says: 'An order with an acknowledged payment ends payed, one with an acknowledged cancellation cancelled, and none has both.',
    checks: [check('the acknowledged', ['loms', 'history'], ({ loms, history }) => otherwiseEnded(loms, history))],
  },
  {
    id: 'O3',
    says: 'Where no client cancelled, the timeout did: not before its time by the database’s clock, and no acknowledged payment.',
    checks: [
      check('the timeout', ['loms', 'history'], async ({ loms, history }, { paymentTimeoutMs }) => {
        const expired = await expiredOrders(loms, history);
        const payed = new Set(okCalls(callsOf(history, 'orderPayed')));
        return expired
          .filter((row) => (row.waited_ms as number) < paymentTimeoutMs || payed.has(row.order_id as bigint))
          .map((row) => ({
            ...row,
            timeout_ms: paymentTimeoutMs,
            payment_acknowledged: payed.has(row.order_id as bigint),
          }));
      }),
    ],
  },
  {
    id: 'O4',
    says: 'After draining, no order is new and none awaits payment beyond its time.',
    checks: [check('the open ones', ['loms'], ({ loms }) => loms(LEFT_OPEN))],
  },
];

async function otherwiseEnded(loms: Query, history: readonly Operation[]): Promise<Row[]> {
  const payed = new Set(okCalls(callsOf(history, 'orderPayed')));
  const cancelled = new Set(okCalls(callsOf(history, 'cancelOrder')));
  const rows = await loms('SELECT order_id, status FROM orders WHERE order_id = ANY($1)', [[...payed, ...cancelled]]);
  return rows.flatMap(({ order_id, status }) => {
    const acknowledged = [
      ...(payed.has(order_id as bigint) ? ['payed'] : []),
      ...(cancelled.has(order_id as bigint) ? ['cancelled'] : []),
    ];
    return acknowledged.length === 1 && acknowledged[0] === status ? [] : [{ order_id, status, acknowledged }];
  });
}

/**
 * Orders that were cancelled though no client of the history asked for it. Of orders that it did not see made, other
 * clients may know more, so nothing is said of them.
 */
async function expiredOrders(loms: Query, history: readonly Operation[]): Promise<Row[]> {
  const made = new Set(
    [...callsOf(history, 'createOrder'), ...callsOf(history, 'purchase')].map((call) => call.answer?.orderID),
  );
  const asked = new Set(
    callsOf(history, 'cancelOrder')
      .filter(({ result }) => result !== 'fail')
      .map(({ args }) => args.orderID),
  );
  const rows = await loms(CANCELLED);
  return rows.filter(({ order_id }) => made.has(order_id as bigint) && !asked.has(order_id as bigint));
}

function okCalls(calls: readonly (Call<'orderPayed'> | Call<'cancelOrder'>)[]): bigint[] {
  return calls.filter(({ result }) => result === 'ok').map(({ args }) => args.orderID);
}
