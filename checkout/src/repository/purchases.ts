import { randomUUID } from 'node:crypto';
import { type Database, type Executor, sql } from 'service-kit';
import type {
  CartLine,
  Origin,
  PendingPurchase,
  PurchaseOutcome,
  Purchases,
  Shortage,
  UnfinishedPurchases,
  UnsettledReader,
} from '../domain/ports.ts';

interface PurchaseRow {
  readonly purchase_id: string;
  readonly user_id: bigint;
  readonly idempotency_key: string | null;
  readonly state: 'pending' | PurchaseOutcome['state'];
  readonly order_id: bigint;
  readonly shortages: readonly { readonly sku: number; readonly requested: number; readonly available: string }[];
  readonly request_id: string | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
  readonly baggage: string | null;
}

interface ItemRow {
  readonly purchase_id: string;
  readonly sku: bigint;
  readonly count: number;
}

/** The call that begins a purchase has this long to finish it before the background takes it up: longer than its timeout. */
const FOREGROUND_MS = 5_000;
/** The rest after an attempt in the background doubles from here, up to a minute. */
const REST_BASE_MS = 1_000;
const REST_MAX_MS = 60_000;
/** The longest rest is reached long before; a thousand doublings would overflow and stop all claims. */
const REST_DOUBLINGS_MAX = 16;

/** @param origin of the call that the transaction belongs to; a purchase that begins keeps it */
export function createPurchases(transaction: Executor, origin: Origin = {}): Purchases {
  const { requestId, traceparent, tracestate, baggage } = origin;

  return {
    async findByKey(user, idempotencyKey) {
      const statement = purchasesOf(user).where('idempotency_key = ?', idempotencyKey);
      const [row] = await transaction.run<PurchaseRow>('find purchase by key', statement);
      return row && (row.state === 'pending' ? toPending(transaction, row) : toOutcome(row));
    },

    async findPending(user) {
      const statement = purchasesOf(user).where("state = 'pending'");
      const [row] = await transaction.run<PurchaseRow>('find pending purchase', statement);
      return row && toPending(transaction, row);
    },

    async begin(user, idempotencyKey) {
      const emptied = sql.delete().from('cart_lines').where('user_id = ?', user).returning('sku').returning('count');
      const removed = (await transaction.run<ItemRow>('empty cart', emptied)).map(toLine);
      // In the order in which they are read later: whoever finishes the purchase asks loms with the very same request.
      const items = removed.toSorted((a, b) => a.sku - b.sku);
      const isEmpty = items.length === 0;
      if (isEmpty && idempotencyKey === undefined) return undefined;
      const purchaseID = randomUUID();
      const statement = sql
        .insert()
        .into('purchases')
        .set('purchase_id', purchaseID)
        .set('user_id', user)
        .set('idempotency_key', idempotencyKey ?? null)
        .set('state', isEmpty ? 'cart empty' : 'pending')
        .set('settled_at', isEmpty ? sql.str('now()') : null)
        .set('resume_at', fromNow(FOREGROUND_MS))
        .set('request_id', requestId ?? null)
        .set('traceparent', traceparent ?? null)
        .set('tracestate', tracestate ?? null)
        .set('baggage', baggage ?? null);
      // The key is free: the user's purchases queue behind the lock of the cart.
      await transaction.run('begin purchase', statement);
      if (isEmpty) return undefined;
      const rows = items.map(({ sku, count }) => ({ purchase_id: purchaseID, sku, count }));
      await transaction.run('store purchase items', sql.insert().into('purchase_items').setFieldsRows(rows));
      return {
        state: 'pending',
        purchaseID,
        user,
        idempotencyKey,
        items,
        origin: { requestId, traceparent, tracestate, baggage },
      };
    },

    async settle({ purchaseID, user }, outcome) {
      const statement = sql
        .update()
        .table('purchases')
        .set('state', outcome.state)
        .set('order_id', 'orderID' in outcome ? outcome.orderID : null)
        .set('shortages', JSON.stringify('shortages' in outcome ? outcome.shortages.map(fromShortage) : []))
        .set('settled_at', sql.str('now()'))
        // It may tell of persons, and nobody needs it any more.
        .set('baggage', null)
        .where('purchase_id = ?', purchaseID)
        .where("state = 'pending'")
        .returning('purchase_id');
      const isFirst = (await transaction.run('settle purchase', statement)).length > 0;
      if (isFirst && outcome.state !== 'ordered') await putBack(transaction, purchaseID, user);
      return isFirst;
    },
  };
}

function purchasesOf(user: bigint) {
  return sql.select().from('purchases').where('user_id = ?', user);
}

/** What was deleted from the cart meanwhile stays out of it. */
async function putBack(transaction: Executor, purchaseID: string, user: bigint): Promise<void> {
  const goods = sql
    .select()
    .from('purchase_items')
    .field(sql.str('?::bigint', user))
    .field('sku')
    .field('count - deleted')
    .where('purchase_id = ?', purchaseID)
    .where('count > deleted');
  const statement = sql
    .insert()
    .into('cart_lines')
    .fromQuery(['user_id', 'sku', 'count'], goods)
    .onConflict(['user_id', 'sku'], { count: sql.str('cart_lines.count + excluded.count') });
  await transaction.run('put goods back', statement);
}

export function createUnfinishedPurchases(database: Database): UnfinishedPurchases {
  return {
    async claim(limit, { signal }) {
      const due = sql
        .select()
        .from('purchases')
        .field('purchase_id')
        .where("state = 'pending'")
        // Not clock_timestamp(), which may differ from row to row: an index is of use only where the bound stays the same.
        .where('resume_at <= statement_timestamp()')
        .order('resume_at')
        .limit(limit)
        .for('UPDATE SKIP LOCKED');
      const rest = sql.str(
        `clock_timestamp() + LEAST(? * 2 ^ LEAST(attempts, ?), ?) * interval '1 millisecond'`,
        REST_BASE_MS,
        REST_DOUBLINGS_MAX,
        REST_MAX_MS,
      );
      const statement = sql
        .update()
        .with('due', due)
        .table('purchases')
        .set('resume_at', rest)
        .set('attempts', sql.str('attempts + 1'))
        .where('purchase_id IN (SELECT purchase_id FROM due)')
        .returning('*');
      const rows = await database.run<PurchaseRow>('claim unfinished purchases', statement, { signal });
      const reading: Executor = { run: (name, query) => database.run(name, query, { signal }) };
      return Promise.all(rows.map((row) => toPending(reading, row)));
    },
  };
}

/** Only pending purchases are in the index, and each user has one at most. */
export function createUnsettledReader(database: Database): UnsettledReader {
  return {
    async read(countMax, { signal }) {
      const pending = sql.select().from('purchases').field('created_at').where("state = 'pending'").limit(countMax);
      const statement = sql
        .select()
        .from(pending, 'pending')
        .field('count(*)', 'count')
        .field('coalesce(1000 * extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8', 'oldest_ms');
      const rows = await database.run<{ count: bigint; oldest_ms: number }>('read unsettled', statement, {
        signal,
      });
      return { count: Number(rows[0]?.count ?? 0), oldestMs: rows[0]?.oldest_ms ?? 0 };
    },
  };
}

async function toPending(executor: Executor, row: PurchaseRow): Promise<PendingPurchase> {
  const statement = sql
    .select()
    .from('purchase_items')
    .fields(['sku', 'count'])
    .where('purchase_id = ?', row.purchase_id)
    .order('sku');
  const items = await executor.run<ItemRow>('list purchase items', statement);
  return {
    state: 'pending',
    purchaseID: row.purchase_id,
    user: row.user_id,
    idempotencyKey: row.idempotency_key ?? undefined,
    items: items.map(toLine),
    origin: {
      requestId: row.request_id ?? undefined,
      traceparent: row.traceparent ?? undefined,
      tracestate: row.tracestate ?? undefined,
      baggage: row.baggage ?? undefined,
    },
  };
}

function toOutcome({ state, order_id: orderID, shortages }: PurchaseRow): PurchaseOutcome {
  switch (state) {
    case 'ordered':
      return { state, orderID };
    case 'out of stock':
      return { state, orderID, shortages: shortages.map(toShortage) };
    case 'cart empty':
    case 'rejected':
      return { state };
    case 'pending':
      throw new Error('a pending purchase has no outcome');
  }
}

function fromNow(ms: number) {
  return sql.str(`clock_timestamp() + ? * interval '1 millisecond'`, ms);
}

/** JSON numbers lose what goes beyond 2^53, so the count is kept as text. */
function fromShortage({ available, ...rest }: Shortage) {
  return { ...rest, available: available.toString() };
}

function toShortage({ available, ...rest }: PurchaseRow['shortages'][number]): Shortage {
  return { ...rest, available: BigInt(available) };
}

function toLine(row: Pick<ItemRow, 'sku' | 'count'>): CartLine {
  return { sku: Number(row.sku), count: row.count };
}
