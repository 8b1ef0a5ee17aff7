import type { DatabaseUrls, Operation, Sources } from '../src/index.ts';
import { ADMIN, USER } from './world.ts';

/** Damage to the world, and the exact rules that it has to turn red. */
export interface Damage {
  readonly what: string;
  /** By service. Runs before the check, in a transaction that is rolled back. */
  readonly sql?: { readonly [service in keyof DatabaseUrls]?: string };
  readonly sources?: (sources: Sources & { history: readonly Operation[] }) => Sources;
  readonly breaks: readonly string[];
}

type Change = (operation: Operation) => Operation | undefined;

/** Changes the history's operations of a method and a key; `undefined` drops them. */
function inHistory(op: string, key: string, change: Change): Damage['sources'] {
  return (sources) => ({
    ...sources,
    history: sources.history.flatMap((done) => (done.op === op && done.key === key ? (change(done) ?? []) : [done])),
  });
}

function added(op: string, args: Record<string, unknown>, outcome: object): Damage['sources'] {
  const at = { startedAt: new Date(), endedAt: new Date(), client: 'tests' };
  const key = String(args.idempotencyKey ?? args.orderID ?? args.user ?? '');
  const done = { op, key, args, ...at, ...outcome } as Operation;
  return (sources) => ({ ...sources, history: [...sources.history, done] });
}

/** USER has logged out, and the call succeeds so many milliseconds later. */
function loggedOut(op: string, laterMs: number): Damage['sources'] {
  const at = new Date();
  const later = new Date(at.getTime() + laterMs);
  const common = { key: '', client: 'tests', actsFor: USER, result: 'ok' as const };
  const logout = { ...common, op: 'logout', args: {}, startedAt: at, endedAt: at, answer: {} };
  const order = { orderID: 1n, user: USER, status: 'payed', createdAt: at.toISOString(), items: [] };
  const args = op === 'getOrder' ? { orderID: 1n } : {};
  const call = { ...common, op, args, startedAt: later, endedAt: later, answer: order };
  return (sources) => ({ ...sources, history: [...sources.history, logout, call] });
}

/** A user without an account. */
const byStranger = (done: Operation): Operation => (done.actsFor === undefined ? done : { ...done, actsFor: 12n });

const answered =
  (answer: unknown): Change =>
  (done) =>
    ({ ...done, result: 'ok', answer }) as Operation;

/** Started a second after its deadline. */
function lateOperation(method: string, code: string, startedAt = 'now()'): string {
  return `INSERT INTO operations (request_id, method, code, started_at, deadline_at, duration_ms)
    SELECT 'late', '${method}', '${code}', began, began - interval '1 second', 1 FROM (SELECT ${startedAt} AS began) moment`;
}

/** A failed event at the head of order 1 (its last one): delivered to notifications, but not acknowledged. */
const FAILING = 'UPDATE outbox SET delivered_at = NULL, attempts = 7 WHERE order_id = 1 AND seq = 3';
const LONG_DUE = "delivered_at = NULL, attempts = 0, available_at = now() - interval '1 minute'";

/** Swaps the first two steps of order 4: failed, then new. */
const SWAPPED = "status = CASE status WHEN 'new' THEN 'failed' ELSE 'new' END WHERE order_id = 4";

/** The session lives again, for as long as its last use allows. */
const REVIVED = `revoked_at = NULL, reason = NULL,
  expires_at = least(rotated_at + interval '336 hours', absolute_expires_at)`;

export const DAMAGES: readonly Damage[] = [
  {
    what: 'S1: a unit of stock appears',
    sql: {
      loms: 'ALTER TABLE stocks DROP CONSTRAINT stocks_check; UPDATE stocks SET on_sale = on_sale + 1 WHERE sku = 1',
    },
    breaks: ['S1, the sums'],
  },
  {
    what: 'S1: a unit of stock is supplied without an adjustment',
    sql: { loms: 'UPDATE stocks SET supplied = supplied + 1, on_sale = on_sale + 1 WHERE sku = 1' },
    breaks: ['S1, the sums', 'A5, the supply'],
  },
  {
    what: 'S2: goods are reserved in another warehouse than the counter has',
    sql: {
      loms: `INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (2, 7, 0, 0, 0);
        UPDATE reservations SET warehouse_id = 7`,
    },
    breaks: ['S2, the counter'],
  },
  {
    what: 'S3: a failed order has moved stock',
    sql: { loms: 'UPDATE stocks SET sold = sold + 1, on_sale = on_sale - 1 WHERE sku = 2' },
    breaks: ['S3, the sales'],
  },
  {
    what: 'S4: a reader sees an inconsistent sum',
    sources: (sources) => ({
      ...sources,
      stockWatch: { snapshots: 2, moves: 1, violations: [{ sku: 1n, supplied: 5n, on_sale: 6n }] },
    }),
    breaks: ['S4, the readers'],
  },
  {
    what: 'S4: a client sees more stock than was ever supplied',
    sources: inHistory('stocks', '1', answered({ stocks: [{ warehouseID: 1, count: 9 }] })),
    breaks: ['S4, the readers'],
  },
  {
    what: 'S5: an order failed although its goods were on sale',
    sql: {
      loms: 'UPDATE stocks SET initial = initial + 10, supplied = supplied + 10, on_sale = on_sale + 10 WHERE sku = 2',
    },
    breaks: ['S5, needless refusals'],
  },
  {
    what: 'S5: a refusal names a shortage that does not exist',
    sources: inHistory('purchase', 'third', (done) => ({
      ...(done as Extract<Operation, { result: 'fail' }>),
      data: { orderID: 5, shortages: [{ sku: 2, requested: 3, available: 3 }] },
    })),
    breaks: ['S5, the shortages answered'],
  },
  {
    what: 'O1: two steps are swapped, in all tables',
    sql: {
      loms: `UPDATE order_status_history SET ${SWAPPED}; UPDATE outbox SET ${SWAPPED}`,
      notifications: `UPDATE notifications SET ${SWAPPED}`,
    },
    breaks: ['O1, the steps'],
  },
  {
    what: 'O2: an acknowledged payment ends cancelled',
    sources: added('orderPayed', { orderID: 3n }, { result: 'ok', answer: {} }),
    breaks: ['O2, the acknowledged', 'Y1, the acknowledged'],
  },
  {
    what: 'O2: payment and cancellation are both acknowledged',
    sources: inHistory('orderPayed', '2', answered({})),
    breaks: ['O2, the acknowledged', 'Y1, the acknowledged'],
  },
  {
    what: 'O3: an order expires before its due time',
    sources: inHistory('cancelOrder', '2', () => undefined),
    breaks: ['O3, the timeout'],
  },
  {
    what: 'O4: an order is overdue',
    sql: { loms: "UPDATE orders SET payment_due_at = now() - interval '6 seconds' WHERE order_id = 3" },
    breaks: ['O4, the open ones'],
  },
  {
    what: 'P1: two keys have one order',
    sql: {
      loms: `INSERT INTO idempotency_keys (key, caller, user_id, body_hash, order_id)
        SELECT 'another', caller, user_id, body_hash, order_id FROM idempotency_keys WHERE key = 'direct'`,
    },
    breaks: ['P1, the keys'],
  },
  {
    what: 'P1: the order has other goods than the cart had',
    sql: { checkout: 'UPDATE purchase_items SET sku = 2 FROM purchases WHERE order_id = 5' },
    breaks: ['P1, the purchases', 'P3, the goods'],
  },
  {
    what: 'P1: a refused purchase has an order',
    sql: {
      checkout: `INSERT INTO purchases (purchase_id, user_id, state, settled_at, resume_at)
        SELECT key::uuid, ${USER}, 'rejected', now(), now() FROM (VALUES ('00000000-0000-4000-8000-000000000001')) keys (key)`,
      loms: `INSERT INTO idempotency_keys (key, caller, user_id, body_hash, order_id)
        VALUES ('00000000-0000-4000-8000-000000000001', 'checkout', 4, '', 3); DELETE FROM idempotency_keys WHERE key = 'direct'`,
    },
    breaks: ['P1, the purchases'],
  },
  {
    what: 'P1: one key is answered with two orders',
    sources: added(
      'createOrder',
      { user: 4n, items: [{ sku: 2, count: 2 }], idempotencyKey: 'direct' },
      {
        result: 'fail',
        code: 'out_of_stock',
        data: { orderID: 4, shortages: [{ sku: 2, requested: 2, available: 1 }] },
      },
    ),
    breaks: ['P1, the answers'],
  },
  {
    what: 'P1: a purchase returns the order of another user',
    sources: inHistory('purchase', '2', answered({ orderID: 3 })),
    breaks: ['P1, the answers', 'P1, the answers of purchase'],
  },
  {
    what: 'P2: a key is refused although it was used with one body',
    sources: inHistory('createOrder', 'direct', (done) => (done.result === 'ok' ? undefined : done)),
    breaks: ['P2, the bodies'],
  },
  {
    what: 'P2: two bodies with one key succeed',
    sources: added(
      'createOrder',
      { user: 4n, items: [{ sku: 2, count: 9 }], idempotencyKey: 'direct' },
      { result: 'ok', answer: { orderID: 3 } },
    ),
    breaks: ['P1, the answers', 'P2, the bodies'],
  },
  {
    what: 'P2: a purchase is refused for the key of another user',
    sources: added('purchase', { user: 5n, idempotencyKey: 'third' }, { result: 'fail', code: 'idempotency_conflict' }),
    breaks: ['P2, the bodies', 'Y3, the codes'],
  },
  {
    what: 'P3: goods are ordered and still in the cart',
    sql: { checkout: `INSERT INTO cart_lines VALUES (${USER}, 1, 2)` },
    breaks: ['P3, the goods'],
  },
  {
    what: 'P3: a refused purchase keeps the goods',
    sql: { checkout: 'DELETE FROM cart_lines WHERE user_id = 3' },
    breaks: ['P3, the goods'],
  },
  {
    what: 'P3: a cart has goods that were never added',
    sql: { checkout: 'INSERT INTO cart_lines VALUES (3, 99, 1)' },
    breaks: ['P3, the goods'],
  },
  {
    what: 'P3: a purchase stays pending',
    sql: {
      checkout: `INSERT INTO purchases (purchase_id, user_id, state, resume_at)
        VALUES ('00000000-0000-4000-8000-000000000001', 3, 'pending', now())`,
    },
    breaks: ['P3, the pending ones'],
  },
  {
    what: 'P4: a read lacks added goods',
    sources: inHistory('listCart', String(USER), answered({ items: [], totalPrice: 0 })),
    breaks: ['P4, the reads'],
  },
  {
    what: 'P4: a read shows more goods than were added',
    sources: inHistory(
      'listCart',
      String(USER),
      answered({ items: [{ sku: 1, count: 3, name: 'x', price: 1 }], totalPrice: 3 }),
    ),
    breaks: ['P4, the reads'],
  },
  {
    what: 'E1: an outbox row is missing besides the deleted ones',
    sql: {
      loms: `UPDATE outbox_forgotten SET delivered_to = 'infinity'; DELETE FROM outbox WHERE order_id = 1 AND seq = 3`,
    },
    breaks: ['E1, the forgotten'],
  },
  {
    what: 'E1: an outbox row is missing',
    sql: { loms: 'DELETE FROM outbox WHERE order_id = 1 AND seq = 3' },
    breaks: ['E1, the outbox'],
  },
  {
    what: 'E2: a notification is lost',
    // Whatever refers to notifications must not keep them.
    sql: {
      notifications: `ALTER TABLE notifications DROP CONSTRAINT notifications_pkey CASCADE;
        DELETE FROM notifications WHERE order_id = 1 AND seq = 3`,
    },
    breaks: ['E2, the notifications'],
  },
  {
    what: 'E2: a notification is invented',
    sql: {
      notifications: `INSERT INTO notifications (order_id, seq, event_id, user_id, status, at, text)
        SELECT order_id, 4, gen_random_uuid(), user_id, status, at, text FROM notifications WHERE order_id = 1 AND seq = 3`,
    },
    breaks: ['E2, the notifications'],
  },
  {
    what: 'E2: a notification is stored twice',
    sql: {
      notifications: `ALTER TABLE notifications DROP CONSTRAINT notifications_pkey CASCADE;
        ALTER TABLE notifications DROP CONSTRAINT notifications_event_id_key;
        INSERT INTO notifications SELECT * FROM notifications WHERE order_id = 1 AND seq = 3`,
    },
    breaks: ['E2, the notifications'],
  },
  {
    what: 'E2: a notification has another status',
    sql: { notifications: "UPDATE notifications SET status = 'cancelled' WHERE order_id = 1 AND seq = 3" },
    breaks: ['E2, the notifications'],
  },
  {
    what: 'E2: a delivery is not acknowledged',
    sql: { loms: FAILING },
    breaks: ['E2, the unconfirmed'],
  },
  {
    what: 'E2: an event is delivered twice',
    sources: (sources) => ({ ...sources, journal: [...(sources.journal ?? []), { orderID: 1n, seq: 3 }] }),
    breaks: ['E2, the delivery journal', 'E3, the delivery journal'],
  },
  {
    what: 'E3: two events are delivered in the wrong order',
    sql: {
      loms: `UPDATE outbox SET delivered_at = now() - seq * interval '1 second' WHERE order_id = 1`,
    },
    breaks: ['E3, the times of delivery'],
  },
  {
    what: 'E3: an event is delivered before its predecessor',
    // It rests: one that was due for a while, and untried, would break E4 as well.
    sql: {
      loms: `UPDATE outbox SET delivered_at = NULL, attempts = 0, available_at = now() + interval '1 hour'
        WHERE order_id = 1 AND seq = 1`,
    },
    breaks: ['E3, the times of delivery'],
  },
  {
    what: 'E3: two deliveries in the journal are swapped',
    sources: (sources) => ({ ...sources, journal: swapFirst(sources.journal ?? []) }),
    breaks: ['E3, the delivery journal'],
  },
  {
    what: 'E4: an event is skipped',
    sql: { loms: `UPDATE outbox SET ${LONG_DUE} WHERE order_id = 2 AND seq = 3` },
    breaks: ['E4, those left behind'],
  },
  {
    what: 'E5: a failing event blocks the event of another order',
    sql: { loms: `${FAILING}; UPDATE outbox SET ${LONG_DUE} WHERE order_id = 2 AND seq = 3` },
    breaks: ['E2, the unconfirmed', 'E5, those held up'],
  },
  {
    what: 'A1: an e-mail address has a second account',
    sql: {
      accounts: `
        ALTER TABLE users DROP CONSTRAINT users_email_key_key;
        UPDATE users SET email = 'First@shop.example' WHERE user_id = 2`,
    },
    breaks: ['A1, the addresses'],
  },
  {
    what: 'A1: an account is registered twice',
    sql: { accounts: "INSERT INTO audit_events (kind, user_id) VALUES ('registered', 1)" },
    breaks: ['A1, the registrations'],
  },
  {
    what: 'A1: an account has no registration',
    sql: { accounts: "DELETE FROM audit_events WHERE kind = 'registered' AND user_id = 3" },
    breaks: ['A1, the registrations'],
  },
  {
    what: 'A1: an account is lost whose token was used',
    sources: (sources) => ({ ...sources, history: sources.history.map(byStranger) }),
    breaks: ['A1, the signed in', 'A4, the orders'],
  },
  {
    what: 'A2: a session steps without a refresh',
    sql: { accounts: 'UPDATE sessions SET counter = counter + 1 WHERE user_id = 4' },
    breaks: ['A2, the steps'],
  },
  {
    what: 'A2: a refresh takes no step',
    sql: { accounts: 'UPDATE sessions SET counter = 1 WHERE user_id = 1' },
    breaks: ['A2, the steps'],
  },
  {
    what: 'A2: a session outlives 30 days',
    sql: {
      accounts: `UPDATE sessions SET absolute_expires_at = absolute_expires_at + interval '1 day' WHERE user_id = 1`,
    },
    breaks: ['A2, the lifetimes'],
  },
  {
    what: 'A2: a session slides too far',
    sql: { accounts: `UPDATE sessions SET expires_at = expires_at + interval '1 second' WHERE user_id = 1` },
    breaks: ['A2, the lifetimes'],
  },
  {
    what: 'A3: a session outlives the disabling of its user',
    sql: { accounts: 'UPDATE users SET disabled_at = now() WHERE user_id = 1' },
    breaks: ['A3, the disabled'],
  },
  {
    what: 'A3: a second session outlives the change of the password',
    sql: { accounts: `UPDATE sessions SET ${REVIVED} WHERE user_id = 2` },
    breaks: ['A3, the passwords'],
  },
  {
    what: 'A3: a session outlives the change of the role',
    sql: { accounts: `UPDATE sessions SET ${REVIVED} WHERE user_id = 4` },
    breaks: ['A3, the roles'],
  },
  {
    what: 'A3: a session that ended is not published',
    sql: { accounts: 'DELETE FROM revocations WHERE seq = 1' },
    breaks: ['A3, the revocations'],
  },
  {
    what: 'A3: a session that ended is published for too short a time',
    sql: { accounts: "UPDATE revocations SET until = until - interval '90 seconds' WHERE seq = 1" },
    breaks: ['A3, the revocations'],
  },
  {
    what: 'A3: a seq was taken beside the lock',
    sql: { accounts: 'UPDATE revocations_seq SET last = last - 1' },
    breaks: ['A3, the revocations'],
  },
  {
    what: 'A3: a session goes on after its logout',
    sources: loggedOut('refresh', 1),
    breaks: ['A3, the sessions'],
  },
  {
    what: 'A3: an access token is accepted 3 s after the logout',
    sources: loggedOut('getOrder', 3_000),
    breaks: ['A3, the sessions'],
  },
  {
    what: 'A4: a list shows the order of another user',
    sql: { loms: 'UPDATE orders SET user_id = 3 WHERE order_id = 1; UPDATE outbox SET user_id = 3 WHERE order_id = 1' },
    sources: (sources) => ({ ...sources, notifications: undefined, checkout: undefined }),
    breaks: ['A4, the orders', 'P1, the answers'],
  },
  {
    what: 'A4: a payment is answered for the order of another user',
    sources: added('cancelOrder', { orderID: 2n }, { result: 'ok', answer: {}, actsFor: USER }),
    breaks: ['A4, the orders'],
  },
  {
    what: 'A4: a call names another user than its token',
    sources: added('listOrders', { user: 2n, limit: 20 }, { result: 'ok', answer: { orders: [] }, actsFor: USER }),
    breaks: ['A4, the orders'],
  },
  {
    what: 'A4: a refusal tells of the order of another user',
    sources: added(
      'orderPayed',
      { orderID: 2n },
      { result: 'fail', code: 'order_not_payable', data: { status: 'cancelled' }, actsFor: USER },
    ),
    breaks: ['A4, the orders'],
  },
  {
    what: 'A5: the row of an adjustment is missing',
    sql: { loms: "DELETE FROM stock_adjustments WHERE key = 'write-off'" },
    breaks: ['S1, the sums', 'A5, the supply', 'A5, the answers of loms'],
  },
  {
    what: 'A5: the row of an adjustment has another delta',
    sql: { loms: "UPDATE stock_adjustments SET delta = delta - 1 WHERE key = 'arrival'" },
    breaks: ['S1, the sums', 'A5, the supply', 'A5, the answers of loms'],
  },
  {
    what: 'A5: a refused adjustment moved stock',
    sql: { loms: 'UPDATE stocks SET supplied = supplied - 1, on_sale = on_sale - 1 WHERE sku = 1' },
    breaks: ['S1, the sums', 'A5, the supply'],
  },
  {
    what: 'A5: an adjustment of goods that are nowhere has a row',
    sql: {
      loms: `INSERT INTO stock_adjustments (key, caller, sku, warehouse_id, delta, on_sale) VALUES ('lost', 'gateway', 9, 1, 4, 4)`,
    },
    breaks: ['A5, the supply'],
  },
  {
    what: 'A5: a write-off is refused although enough is on sale',
    sql: { loms: "UPDATE stock_adjustments SET on_sale = 100 WHERE key = 'refused'" },
    breaks: ['A5, the adjustments', 'A5, the answers of loms'],
  },
  {
    what: 'A5: an adjustment is named after another admin',
    sql: { loms: "UPDATE stock_adjustments SET actor = 1 WHERE key = 'arrival'" },
    breaks: ['A5, the answers of loms'],
  },
  {
    what: 'A5: a repeated adjustment is answered otherwise',
    sources: inHistory('adjustStock', 'write-off', answered({ onSale: 99 })),
    breaks: ['A5, the answers of loms'],
  },
  {
    what: 'A5: a price changes without a row',
    sql: { products: 'UPDATE products SET price = price + 1 WHERE sku = 7' },
    breaks: ['A5, the products'],
  },
  {
    what: 'A5: a version of a product is missing',
    sql: { products: 'DELETE FROM product_changes WHERE sku = 7 AND version = 2' },
    breaks: ['A5, the products', 'A5, the answers of products'],
  },
  {
    what: 'A5: an archived product is on sale again',
    sql: { products: 'UPDATE products SET archived_at = NULL WHERE sku = 7' },
    breaks: ['A5, the products'],
  },
  {
    what: 'A5: two updates of one version succeed',
    sources: added(
      'update_product',
      { sku: 7, version: 1, price: 12, actor: ADMIN },
      { result: 'ok', answer: { sku: 7, name: 'a lamp', price: 12, version: 2, archived: false } },
    ),
    breaks: ['A5, the answers of products'],
  },
  {
    what: 'Y1: an acknowledged order does not exist',
    sources: added(
      'createOrder',
      { user: 4n, items: [{ sku: 1, count: 1 }] },
      { result: 'ok', answer: { orderID: 99n } },
    ),
    breaks: ['Y1, the acknowledged'],
  },
  {
    what: 'Y3: a client sees an undocumented code',
    sources: inHistory('orderPayed', '2', (done) => ({ ...done, code: 'stack_overflow' }) as Operation),
    breaks: ['Y3, the codes'],
  },
  {
    what: 'Y4: a call succeeded after its deadline',
    sql: { loms: lateOperation('orderPayed', 'ok'), checkout: lateOperation('purchase', 'ok') },
    breaks: ['Y4, the operations of loms', 'Y4, the operations of checkout'],
  },
  {
    what: 'Y4: a call that was refused after its deadline has written an event',
    sql: {
      loms: `UPDATE outbox SET request_id = 'late' WHERE order_id = 1 AND seq = 1;
        ${lateOperation('createOrder', 'deadline_exceeded', `(SELECT changed_at FROM outbox WHERE order_id = 1 AND seq = 1)`)}`,
    },
    breaks: ['Y4, the operations of loms'],
  },
];

/** Swaps the first two deliveries of order 1. */
function swapFirst(journal: NonNullable<Sources['journal']>): NonNullable<Sources['journal']> {
  return journal.map((delivery) =>
    delivery.orderID === 1n && delivery.seq <= 2 ? { ...delivery, seq: 3 - delivery.seq } : delivery,
  );
}
