import type { OrderStatus } from 'loms/contract.ts';
import { type Call, callsOf } from '../calls.ts';
import type { Operation } from '../history.ts';
import type { Query, Row } from '../snapshot.ts';

export type Ordering = Call<'createOrder'> | Call<'purchase'>;

/** Compares the answers of calls with each other and with the orders. Missing orders are Y1. */
export async function findAnswersViolations(loms: Query, history: readonly Operation[]): Promise<Row[]> {
  const created = callsOf(history, 'createOrder');
  const purchases = callsOf(history, 'purchase');
  const orders = await findOrders(
    loms,
    [...created, ...purchases].flatMap((call) => orderOf(call) ?? []),
  );
  return [
    ...contradictingKeys('createOrder', created),
    ...contradictingKeys('purchase', purchases),
    ...sharedOrders(created),
    ...created.flatMap((call) => {
      const order = orders.get(orderOf(call) ?? -1n);
      return order === undefined || isOrderOf(call, order)
        ? []
        : [{ asked: call.args, answered: outcomeOf(call), order }];
    }),
    ...purchases.flatMap((call) => {
      const order = orders.get(orderOf(call) ?? -1n);
      const isRight = order?.user_id === call.args.user && (order.status === 'failed') === (call.result === 'fail');
      return order === undefined || isRight ? [] : [{ asked: call.args, answered: outcomeOf(call), order }];
    }),
  ];
}

/** Answers of purchase that differ from checkout's record. */
export async function findPurchaseAnswersViolations(checkout: Query, history: readonly Operation[]): Promise<Row[]> {
  const rows = await checkout('SELECT user_id, idempotency_key, state, order_id FROM purchases');
  const byOrder = new Map(rows.map((row) => [row.order_id, row]));
  const byKey = new Map(rows.map((row) => [`${row.user_id} ${row.idempotency_key}`, row]));
  return callsOf(history, 'purchase').flatMap((call) => {
    const { user, idempotencyKey } = call.args;
    const violation = (record: Row | undefined) => [
      { asked: call.args, answered: outcomeOf(call), record: record ?? 'none' },
    ];
    if (call.result === 'ok') {
      const record = byOrder.get(call.answer?.orderID);
      const isRight = record?.state === 'ordered' && record.user_id === user;
      // A call without a key may have finished an earlier call with a key.
      return isRight && (idempotencyKey === undefined || record.idempotency_key === idempotencyKey)
        ? []
        : violation(record);
    }
    const refused = call.result === 'fail' && (call.code === 'out_of_stock' || call.code === 'cart_empty');
    const key = keyOf(call);
    const record = refused && key !== undefined ? byKey.get(key) : undefined;
    return record?.state === 'ordered' ? violation(record) : [];
  });
}

interface Order extends Row {
  readonly user_id: bigint;
  readonly status: OrderStatus;
  readonly goods: string;
}

async function findOrders(loms: Query, ids: readonly bigint[]): Promise<Map<bigint, Order>> {
  const text = `
    SELECT order_id, user_id, status, string_agg(sku || '*' || count, ' ' ORDER BY sku) AS goods
    FROM orders JOIN order_items USING (order_id)
    WHERE order_id = ANY($1)
    GROUP BY order_id`;
  const rows = await loms(text, [[...new Set(ids)]]);
  return new Map(rows.map((row) => [row.order_id as bigint, row as Order]));
}

/** The order of an answer, also the failed order of a refusal. */
function orderOf(call: Ordering): bigint | undefined {
  if (call.answer !== undefined) return call.answer.orderID;
  const { orderID } = (call.code === 'out_of_stock' ? (call.data ?? {}) : {}) as { orderID?: number | bigint };
  return orderID === undefined ? undefined : BigInt(orderID);
}

function isOrderOf(call: Call<'createOrder'>, order: Order): boolean {
  const isFailed = order.status === 'failed';
  return order.user_id === call.args.user && order.goods === goodsOf(call) && isFailed === (call.result === 'fail');
}

/** The same sku twice counts as the sum. */
export function goodsOf({ args }: Call<'createOrder'>): string {
  const counts = new Map<number, number>();
  for (const { sku, count } of args.items) counts.set(sku, (counts.get(sku) ?? 0) + count);
  const ascending = [...counts].toSorted(([one], [other]) => one - other);
  return ascending.map(([sku, count]) => `${sku}*${count}`).join(' ');
}

/** The part of the answer that is bound to the key, so a repetition has to return it again. */
export function outcomeOf(call: Ordering): string | undefined {
  if (call.answer !== undefined) return `order ${call.answer.orderID}`;
  return call.code === 'out_of_stock' || call.code === 'cart_empty' ? call.code : undefined;
}

/** A key belongs to its user. All clients of a history are one caller. */
export function keyOf({ args: { user, idempotencyKey } }: Ordering): string | undefined {
  return idempotencyKey === undefined ? undefined : `${user} ${idempotencyKey}`;
}

function contradictingKeys(op: string, calls: readonly Ordering[]): Row[] {
  const outcomes = new Map<string, Set<string>>();
  for (const call of calls) {
    const [key, outcome] = [keyOf(call), outcomeOf(call)];
    if (key !== undefined && outcome !== undefined) outcomes.set(key, (outcomes.get(key) ?? new Set()).add(outcome));
  }
  return [...outcomes]
    .filter(([, answers]) => answers.size > 1)
    .map(([key, answers]) => ({ op, key, answered: [...answers] }));
}

/** Each key makes one order, and so does each call without a key. */
function sharedOrders(calls: readonly Call<'createOrder'>[]): Row[] {
  const makers = new Map<bigint, Set<string>>();
  for (const [index, call] of calls.entries()) {
    const { answer } = call;
    if (answer === undefined) continue;
    const key = keyOf(call);
    const maker = key === undefined ? `call ${index + 1} of createOrder` : `key ${key}`;
    makers.set(answer.orderID, (makers.get(answer.orderID) ?? new Set()).add(maker));
  }
  return [...makers].filter(([, by]) => by.size > 1).map(([order_id, by]) => ({ order_id, made_by: [...by] }));
}
