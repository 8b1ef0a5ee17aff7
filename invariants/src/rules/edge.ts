import { callsOf } from '../calls.ts';
import type { Operation } from '../history.ts';
import { check, type NothingSeen, type Rule } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';
import { ENDED_SESSIONS } from './sessions.ts';

/** The gateway asks each second for the sessions that have ended. */
const LOGOUT_MAX_MS = 2_000;

export const EDGE: readonly Rule[] = [
  {
    id: 'A3',
    says: 'After a logout, password change, role change or disabling, the sessions of before have ended: no refresh succeeds, and after 2 s no call.',
    beyond:
      'that the gateway refuses their access tokens after 2 s, whatever ended them, is shown by testing/test/edge/sessions.test.ts',
    checks: [...ENDED_SESSIONS, check('the sessions', ['history'], ({ history }) => findUndead(history))],
  },
  {
    id: 'A4',
    says: 'A call through the gateway acted for the user of its token: it named no other user and no answer holds another user’s order or notification.',
    beyond: 'that carts hold the goods of their user is P3 and P4',
    checks: [check('the orders', ['loms', 'history'], ({ loms, history }) => findForeignOrders(loms, history))],
  },
];

/** Each account of a history has one session. */
function findUndead(history: readonly Operation[]): readonly Row[] | NothingSeen {
  const logouts = history.filter(({ op, result, actsFor }) => op === 'logout' && result === 'ok' && actsFor);
  if (logouts.length === 0) return { nothingSeen: 'nobody logged out in the history' };
  const endedMs = new Map(logouts.map(({ actsFor, endedAt }) => [actsFor, endedAt.getTime()]));
  return history
    .filter(({ op, result, actsFor, startedAt }) => {
      if (result !== 'ok' || op === 'logout') return false;
      const since = startedAt.getTime() - (endedMs.get(actsFor) ?? Number.POSITIVE_INFINITY);
      return since > (op === 'refresh' ? 0 : LOGOUT_MAX_MS);
    })
    .map(({ op, actsFor, startedAt }) => ({ op, acts_for: actsFor, started_at: startedAt.toISOString() }));
}

/** The methods whose params or answers have orders. */
const WITH_ORDERS = [
  'createOrder',
  'purchase',
  'listOrder',
  'getOrder',
  'listOrders',
  'orderPayed',
  'cancelOrder',
  'history',
] as const;

async function findForeignOrders(loms: Query, history: readonly Operation[]): Promise<readonly Row[] | NothingSeen> {
  const calls = WITH_ORDERS.flatMap((op) =>
    callsOf(history, op).flatMap(({ actsFor, ...call }) => (actsFor === undefined ? [] : [{ op, actsFor, ...call }])),
  );
  if (calls.length === 0)
    return { nothingSeen: 'the history has no calls through the gateway (make storm VIA=gateway)' };
  const seen = calls.flatMap((call) => {
    // A refusal tells of an order too, such as the status of one that cannot be paid; order_not_found tells of none.
    const isSilent = call.result === 'info' || call.code === 'order_not_found';
    const shown = isSilent ? [] : [call.args, call.answer, call.data].flatMap(ordersIn);
    return shown.map((orderID) => ({ op: call.op, acts_for: call.actsFor, order_id: orderID }));
  });
  const ids = [...new Set(seen.map(({ order_id }) => order_id))];
  const rows = await loms('SELECT order_id, user_id FROM orders WHERE order_id = ANY($1)', [ids]);
  const owners = new Map(rows.map((row) => [row.order_id, row.user_id]));
  const named = calls.flatMap(({ op, args, actsFor, result }) =>
    result === 'ok' && 'user' in args && args.user !== actsFor ? [{ op, acts_for: actsFor, user: args.user }] : [],
  );
  // An order that does not exist is Y1.
  const foreign = seen.filter(({ order_id, acts_for }) => (owners.get(order_id) ?? acts_for) !== acts_for);
  return [...named, ...foreign.map((one) => ({ ...one, owner: owners.get(one.order_id) }))];
}

/** Every orderID in a value, however deep. */
function ordersIn(value: unknown): bigint[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === 'orderID' ? [BigInt(member as bigint | number)] : ordersIn(member),
  );
}
