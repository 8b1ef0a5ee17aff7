import {
  defineService,
  idempotencyKey,
  int64,
  stream,
  text,
  timestamp,
  typeNames,
  uint16,
  uint32,
  uint64,
} from 'rpc-kit';
import { z } from 'zod';

/** Lines of one order. A cart holds as many, so every cart can be ordered. */
export const ITEMS_MAX = 100;
const PAGE_MAX = 100;
const PAGE_DEFAULT = 20;
/** Several times the length of the longest cursor. */
const CURSOR_LENGTH_MAX = 255;

/** Longer than an order awaits payment by default, so that most orders end before their stream does. */
const WATCH_MAX_MS = 900_000;

const orderID = int64;
const count = uint16.min(1).meta({ format: 'uint16' });
const item = z.strictObject({ sku: uint32, count });

const orderedItem = z.object({ sku: uint32, count: uint16 }).register(typeNames, { name: 'OrderedItem' });
const shortage = z.object({ sku: uint32, requested: uint32, available: uint64 });
const status = z
  .enum(['new', 'awaiting payment', 'failed', 'payed', 'cancelled'])
  .register(typeNames, { name: 'OrderStatus' });
export type OrderStatus = z.output<typeof status>;

const idempotency_conflict = {
  code: 'failed_precondition',
  message: 'This idempotency key came with another body before',
} as const;

const placeOnSale = z.object({ sku: uint32, warehouseID: int64, onSale: uint64 });

const order_not_found = {
  code: 'not_found',
  message: 'There is no such order',
  details: z.object({ orderID }),
} as const;

/** One status change of one order. Every other form of an order event (journal line, webhook body, notification) derives from this. */
export const orderEvent = z.object({
  /** Upper and lower case mean the same (RFC 9562, section 4); services keep it in lower case. */
  eventID: z.uuid().toLowerCase(),
  orderID,
  /** Counts the changes of the order from 1 without gaps. */
  seq: uint32.min(1, 'expected a whole number from 1 to 4294967295'),
  user: int64,
  status,
  /** When the change was made, by the clock of loms's database. */
  at: timestamp,
});
export type OrderEvent = z.output<typeof orderEvent>;

const EVENT_VERSION = 1;

/**
 * The Kafka message of an order event. Members may be added under the same version, because readers ignore unknown members;
 * a change that readers must know takes a new version.
 */
export const orderEvents = {
  topic: 'loms.order-events',
  version: EVENT_VERSION,
  contentType: 'application/json',
  summary: 'One status change of one order. The events of an order are in one partition, in the order of seq.',
  /** The id of the order in decimal digits. */
  keyOf: (orderID: bigint): string => String(orderID),
  /** They repeat the value or accompany it; a consumer needs none of them. */
  headers: {
    eventID: 'event-id',
    version: 'event-version',
    contentType: 'content-type',
    requestID: 'x-request-id',
    traceparent: 'traceparent',
    tracestate: 'tracestate',
    baggage: 'baggage',
  },
  schema: z.object({ version: z.literal(EVENT_VERSION), ...orderEvent.shape }),
  example: {
    version: EVENT_VERSION,
    eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01',
    orderID: 900000001,
    seq: 2,
    user: 900000001,
    status: 'awaiting payment',
    at: '2026-01-31T12:00:00.000Z',
  },
} as const;

export const loms = defineService(
  'loms',
  {
    summary: 'Logistics and order management: orders and stock.',
    version: '0.1.0',
    contact: { name: 'The maintainers of order-mesh' },
    events: { OrderEvent: { summary: orderEvents.summary, schema: orderEvents.schema } },
  },
  {
    createOrder: {
      summary: 'Creates an order and reserves its goods, all of them or none.',
      description:
        'The same sku twice counts as the sum; a sum above 65535 is invalid_params. When goods are missing, the order is kept as failed and no stock has moved.',
      params: z.strictObject({
        user: int64,
        items: z.array(item).min(1).max(ITEMS_MAX),
        idempotencyKey: idempotencyKey.optional(),
      }),
      result: z.object({ orderID }),
      errors: {
        out_of_stock: {
          code: 'failed_precondition',
          message: 'Not enough goods are on sale',
          details: z.object({ orderID, shortages: z.array(shortage) }),
        },
        idempotency_conflict,
      },
      timeoutMs: 2_000,
      priority: 'high',
      retry: 'with-idempotency-key',
      access: { callers: ['checkout', 'gateway'] },
      positions: ['user', 'items', 'idempotencyKey'],
      example: { params: { user: 2, items: [{ sku: 139275865, count: 1 }] }, result: { orderID: 2 } },
    },
    listOrder: {
      summary: 'Shows an order.',
      params: z.strictObject({ orderID }),
      result: z.object({ status, user: int64, items: z.array(orderedItem) }),
      errors: { order_not_found },
      timeoutMs: 500,
      reads: true,
      access: { callers: ['gateway'] },
      positions: ['orderID'],
      example: {
        params: { orderID: 1 },
        result: { status: 'awaiting payment', user: 1, items: [{ sku: 1076963, count: 1 }] },
      },
    },
    getOrder: {
      summary: 'Shows an order and when it was created.',
      params: z.strictObject({ orderID }),
      result: z.object({ orderID, user: int64, status, createdAt: timestamp, items: z.array(orderedItem) }),
      errors: { order_not_found },
      timeoutMs: 500,
      reads: true,
      access: { callers: ['gateway'] },
      positions: ['orderID'],
      example: {
        params: { orderID: 1 },
        result: {
          orderID: 1,
          user: 1,
          status: 'awaiting payment',
          createdAt: '2026-11-20T09:00:00.250Z',
          items: [{ sku: 1076963, count: 1 }],
        },
      },
    },
    listOrders: {
      summary: "Lists a user's orders, newest first.",
      description: 'Pass nextCursor as the cursor of the next page; the last page has none.',
      params: z.strictObject({
        user: int64,
        status: status.optional(),
        limit: uint16.min(1).max(PAGE_MAX).meta({ format: 'uint16' }).default(PAGE_DEFAULT),
        cursor: text(CURSOR_LENGTH_MAX).optional(),
      }),
      result: z.object({
        orders: z.array(z.object({ orderID, status, createdAt: timestamp, items: z.array(orderedItem) })),
        nextCursor: z.string().optional(),
      }),
      timeoutMs: 1_000,
      reads: true,
      access: { callers: ['gateway'] },
      example: {
        params: { user: 1, status: 'awaiting payment', limit: 1 },
        result: {
          orders: [
            {
              orderID: 1,
              status: 'awaiting payment',
              createdAt: '2026-11-20T09:00:00.250Z',
              items: [{ sku: 1076963, count: 1 }],
            },
          ],
        },
      },
    },
    orderPayed: {
      summary: 'Marks an order as paid: its reserved goods are sold.',
      description: 'A second call on a paid order changes nothing.',
      params: z.strictObject({ orderID }),
      result: z.object({}),
      errors: {
        order_not_found,
        order_not_payable: {
          code: 'failed_precondition',
          message: 'An order in this state cannot be paid',
          details: z.object({ status }),
        },
      },
      timeoutMs: 1_000,
      priority: 'high',
      retry: 'safe',
      access: { callers: ['gateway'] },
      positions: ['orderID'],
      example: { params: { orderID: 1 }, result: {} },
    },
    cancelOrder: {
      summary: 'Cancels an order: its reserved goods go back on sale.',
      description: 'A second call on a cancelled order changes nothing.',
      params: z.strictObject({ orderID }),
      result: z.object({}),
      errors: {
        order_not_found,
        order_not_cancellable: {
          code: 'failed_precondition',
          message: 'An order in this state cannot be cancelled',
          details: z.object({ status }),
        },
      },
      timeoutMs: 1_000,
      priority: 'high',
      retry: 'safe',
      access: { callers: ['gateway'] },
      positions: ['orderID'],
      example: { params: { orderID: 2 }, result: {} },
    },
    watchOrder: {
      summary: 'Streams the status of an order: the present one, then each change, until a final one.',
      description:
        'afterSeq is the seq of a change that the caller has: the stream begins behind it. A paid, cancelled or failed order changes no more.',
      params: z.strictObject({ orderID, afterSeq: uint32.optional() }),
      result: stream(z.object({ seq: uint32, status, at: timestamp }), { id: 'seq', resume: 'afterSeq' }),
      errors: { order_not_found },
      timeoutMs: WATCH_MAX_MS,
      reads: true,
      access: { callers: ['gateway'] },
      positions: ['orderID', 'afterSeq'],
      example: {
        params: { orderID: 1 },
        result: { seq: 3, status: 'payed', at: '2026-11-20T09:00:12.500Z' },
      },
    },
    stocks: {
      summary: 'Shows how much of a sku is on sale, by warehouse.',
      description: 'Reserved goods are not counted, and warehouses with nothing to sell are left out.',
      params: z.strictObject({ sku: uint32 }),
      result: z.object({ stocks: z.array(z.object({ warehouseID: int64, count: uint64 })) }),
      timeoutMs: 500,
      reads: true,
      access: { callers: ['checkout', 'gateway'] },
      positions: ['sku'],
      example: {
        params: { sku: 1076963 },
        result: {
          stocks: [
            { warehouseID: 1, count: 340 },
            { warehouseID: 2, count: 414 },
            { warehouseID: 3, count: 128 },
          ],
        },
      },
    },
    adjustStock: {
      summary: 'Puts goods that came in on sale in a warehouse, or writes goods off.',
      description:
        'A delta above 0 adds to what is on sale, and creates the stock of a new sku or warehouse. A delta below 0 takes off what is on ' +
        'sale; reserved and sold goods stay. The same key and body again gets the answer of the first call.',
      params: z.strictObject({
        sku: uint32,
        warehouseID: int64,
        delta: int64.refine((delta) => delta !== 0n, 'expected a whole number other than 0'),
        idempotencyKey,
        /** The admin who asks for it. */
        actor: int64.optional(),
      }),
      result: z.object({ onSale: uint64 }),
      errors: {
        insufficient_stock: {
          code: 'failed_precondition',
          message: 'Fewer goods are on sale than are to be written off',
          details: placeOnSale,
        },
        stock_too_large: {
          code: 'failed_precondition',
          message: 'The stock of one sku in one warehouse would exceed 18446744073709551615',
          details: placeOnSale,
        },
        idempotency_conflict,
      },
      timeoutMs: 1_000,
      retry: 'with-idempotency-key',
      access: { callers: ['gateway'] },
      example: {
        params: { sku: 1076963, warehouseID: 2, delta: 40, idempotencyKey: 'delivery 7 of 2026-11-20' },
        result: { onSale: 454 },
      },
    },
  },
);
