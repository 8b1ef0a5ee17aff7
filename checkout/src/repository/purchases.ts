import { randomUUID } from 'node:crypto';
import { type Database, type Executor, statement } from 'service-kit';
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

/** Longer than the timeout of a purchase: the background claims it only after its call has ended. */
const FOREGROUND_MS = 5_000;
/** Back-off after an attempt in the background: doubles from here to the maximum. */
const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;
/** The maximum is reached earlier; a thousand doublings would overflow and fail every claim. */
const BACKOFF_DOUBLINGS_MAX = 16;

/** @param origin the call of the transaction; a new purchase stores it */
export function createPurchases(transaction: Executor, origin: Origin = {}): Purchases {
  const { requestId, traceparent, tracestate, baggage } = origin;

  return {
    async findByKey(user, idempotencyKey) {
      const find = statement`SELECT * FROM purchases WHERE user_id = ${user} AND idempotency_key = ${idempotencyKey}`;
      const [row] = await transaction.run<PurchaseRow>('find purchase by key', find);
      return row && (row.state === 'pending' ? toPending(transaction, row) : toOutcome(row));
    },

    async findPending(user) {
      const find = statement`SELECT * FROM purchases WHERE user_id = ${user} AND state = 'pending'`;
      const [row] = await transaction.run<PurchaseRow>('find pending purchase', find);
      return row && toPending(transaction, row);
    },

    async begin(user, idempotencyKey) {
      const empty = statement`DELETE FROM cart_lines WHERE user_id = ${user} RETURNING sku, count`;
      const removed = (await transaction.run<ItemRow>('empty cart', empty)).map(toLine);
      // In the order of 'list purchase items': every attempt at the purchase sends loms the same request.
      const items = removed.toSorted((a, b) => a.sku - b.sku);
      const isEmpty = items.length === 0;
      if (isEmpty && idempotencyKey === undefined) return undefined;
      const purchaseID = randomUUID();
      const begin = statement`
        INSERT INTO purchases (
          purchase_id, user_id, idempotency_key, state, settled_at, resume_at,
          request_id, traceparent, tracestate, baggage
        ) VALUES (
          ${purchaseID}, ${user}, ${idempotencyKey ?? null}, ${isEmpty ? 'cart empty' : 'pending'},
          CASE WHEN ${isEmpty}::boolean THEN now() END,
          clock_timestamp() + ${FOREGROUND_MS} * interval '1 millisecond',
          ${requestId ?? null}, ${traceparent ?? null}, ${tracestate ?? null}, ${baggage ?? null}
        )`;
      // The key is free: purchases of one user are serialized by the lock of the cart.
      await transaction.run('begin purchase', begin);
      if (isEmpty) return undefined;
      const store = statement`
        INSERT INTO purchase_items (purchase_id, sku, count)
        SELECT ${purchaseID}::uuid, unnest(${items.map(({ sku }) => sku)}::bigint[]), unnest(${items.map(({ count }) => count)}::integer[])`;
      await transaction.run('store purchase items', store);
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
      const orderID = 'orderID' in outcome ? outcome.orderID : null;
      const shortages = 'shortages' in outcome ? outcome.shortages.map(fromShortage) : [];
      // Baggage may hold personal data, and a settled purchase needs none.
      const settle = statement`
        UPDATE purchases
        SET state = ${outcome.state}, order_id = ${orderID}, shortages = ${JSON.stringify(shortages)},
          settled_at = now(), baggage = NULL
        WHERE purchase_id = ${purchaseID} AND state = 'pending'
        RETURNING purchase_id`;
      const isFirst = (await transaction.run('settle purchase', settle)).length > 0;
      if (isFirst && outcome.state !== 'ordered') await putBack(transaction, purchaseID, user);
      return isFirst;
    },
  };
}

/** Goods deleted from the cart since the purchase began stay deleted. */
async function putBack(transaction: Executor, purchaseID: string, user: bigint): Promise<void> {
  const insert = statement`
    INSERT INTO cart_lines (user_id, sku, count)
    SELECT ${user}::bigint, sku, count - deleted FROM purchase_items
    WHERE purchase_id = ${purchaseID} AND count > deleted
    ON CONFLICT (user_id, sku) DO UPDATE SET count = cart_lines.count + excluded.count`;
  await transaction.run('put goods back', insert);
}

export function createUnfinishedPurchases(database: Database): UnfinishedPurchases {
  return {
    async claim(limit, { signal }) {
      // statement_timestamp(), because clock_timestamp() differs from row to row, so no index could serve the bound.
      const claim = statement`
        WITH due AS (
          SELECT purchase_id FROM purchases
          WHERE state = 'pending' AND resume_at <= statement_timestamp()
          ORDER BY resume_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
        )
        UPDATE purchases
        SET attempts = attempts + 1,
          resume_at = clock_timestamp() + interval '1 millisecond'
            * LEAST(${BACKOFF_BASE_MS} * 2 ^ LEAST(attempts, ${BACKOFF_DOUBLINGS_MAX}), ${BACKOFF_MAX_MS})
        WHERE purchase_id IN (SELECT purchase_id FROM due)
        RETURNING *`;
      const rows = await database.run<PurchaseRow>('claim unfinished purchases', claim, { signal });
      const reading: Executor = { run: (name, query) => database.run(name, query, { signal }) };
      return Promise.all(rows.map((row) => toPending(reading, row)));
    },
  };
}

/** The partial index holds only pending purchases, at most one for each user. */
export function createUnsettledReader(database: Database): UnsettledReader {
  return {
    async read(countMax, { signal }) {
      const read = statement`
        SELECT count(*) AS count,
          coalesce(1000 * extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest_ms
        FROM (SELECT created_at FROM purchases WHERE state = 'pending' LIMIT ${countMax}) pending`;
      const [row] = await database.run<{ count: bigint; oldest_ms: number }>('read unsettled', read, { signal });
      return { count: Number(row?.count ?? 0), oldestMs: row?.oldest_ms ?? 0 };
    },
  };
}

async function toPending(executor: Executor, row: PurchaseRow): Promise<PendingPurchase> {
  const list = statement`SELECT sku, count FROM purchase_items WHERE purchase_id = ${row.purchase_id} ORDER BY sku`;
  const items = await executor.run<ItemRow>('list purchase items', list);
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

/** As text, because JSON numbers are exact only up to 2^53. */
function fromShortage({ available, ...rest }: Shortage) {
  return { ...rest, available: available.toString() };
}

function toShortage({ available, ...rest }: PurchaseRow['shortages'][number]): Shortage {
  return { ...rest, available: BigInt(available) };
}

function toLine(row: Pick<ItemRow, 'sku' | 'count'>): CartLine {
  return { sku: Number(row.sku), count: row.count };
}
