import { type Call, callsOf } from '../calls.ts';
import type { Operation } from '../history.ts';
import { check, type Rule } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';

/** An order's history is one of these, numbered from 1 without gaps; its last row is the order's status. */
const HISTORY_VIOLATIONS = `
  SELECT order_id, orders.seq, orders.status, steps.seqs, steps.statuses
  FROM orders
  LEFT JOIN (
    SELECT order_id, array_agg(seq ORDER BY seq) AS seqs, array_agg(status ORDER BY seq) AS statuses
    FROM order_status_history
    GROUP BY order_id
  ) steps USING (order_id)
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

/** No order is new, and none awaits payment long after its due time. The background work runs every second. */
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
    says: 'An order’s history is seq 1..n along legal edges, ends with the order’s status, and has at most one terminal status.',
    checks: [check('the steps', ['loms'], ({ loms }) => loms(HISTORY_VIOLATIONS))],
  },
  {
    id: 'O2',
    says: 'An order with an acknowledged payment ends paid, one with an acknowledged cancellation cancelled; none has both.',
    checks: [check('the acknowledged', ['loms', 'history'], ({ loms, history }) => otherwiseEnded(loms, history))],
  },
  {
    id: 'O3',
    says: 'An order that no client cancelled expired: not early by the database’s clock, and without an acknowledged payment.',
    checks: [
      check('the timeout', ['loms', 'history'], async ({ loms, history }, { paymentTimeoutMs }) => {
        const expired = await expiredOrders(loms, history);
        const paid = new Set(okCalls(callsOf(history, 'orderPayed')));
        return expired
          .filter((row) => (row.waited_ms as number) < paymentTimeoutMs || paid.has(row.order_id as bigint))
          .map((row) => ({
            ...row,
            timeout_ms: paymentTimeoutMs,
            payment_acknowledged: paid.has(row.order_id as bigint),
          }));
      }),
    ],
  },
  {
    id: 'O4',
    says: 'After draining, no order is new and none is overdue.',
    checks: [check('the open ones', ['loms'], ({ loms }) => loms(LEFT_OPEN))],
  },
];

async function otherwiseEnded(loms: Query, history: readonly Operation[]): Promise<Row[]> {
  const paid = new Set(okCalls(callsOf(history, 'orderPayed')));
  const cancelled = new Set(okCalls(callsOf(history, 'cancelOrder')));
  const rows = await loms('SELECT order_id, status FROM orders WHERE order_id = ANY($1)', [[...paid, ...cancelled]]);
  return rows.flatMap(({ order_id, status }) => {
    const acknowledged = [
      ...(paid.has(order_id as bigint) ? ['payed'] : []),
      ...(cancelled.has(order_id as bigint) ? ['cancelled'] : []),
    ];
    return acknowledged.length === 1 && acknowledged[0] === status ? [] : [{ order_id, status, acknowledged }];
  });
}

/**
 * Orders that were cancelled without a call in the history. Orders that the history did not create are left out: other
 * clients may have cancelled them.
 */
async function expiredOrders(loms: Query, history: readonly Operation[]): Promise<Row[]> {
  const made = new Set(
    [...callsOf(history, 'createOrder'), ...callsOf(history, 'purchase')].map((call) => call.answer?.orderID),
  );
  const byClients = new Set(
    callsOf(history, 'cancelOrder')
      .filter(({ result }) => result !== 'fail')
      .map(({ args }) => args.orderID),
  );
  const rows = await loms(CANCELLED);
  return rows.filter(({ order_id }) => made.has(order_id as bigint) && !byClients.has(order_id as bigint));
}

function okCalls(calls: readonly (Call<'orderPayed'> | Call<'cancelOrder'>)[]): bigint[] {
  return calls.filter(({ result }) => result === 'ok').map(({ args }) => args.orderID);
}
