import { defineService, int64, text, timestamp, uint16, uint32 } from 'rpc-kit';
import { z } from 'zod';

/** The states of an order, as loms names them. */
export const orderStatus = z.enum(['new', 'awaiting payment', 'failed', 'payed', 'cancelled']);

/** One status change of one order. `seq` counts an order's changes from 1 without gaps. */
export const orderEvent = z.strictObject({
  /** Upper and lower case mean the same (RFC 9562, section 4); inside it is lower. */
  eventID: z.uuid().toLowerCase(),
  orderID: int64,
  seq: uint32.min(1, 'expected a whole number from 1 to 4294967295'),
  user: int64,
  status: orderStatus,
  /** When the change was made, by loms's database clock. */
  at: timestamp,
});
export type OrderEvent = z.output<typeof orderEvent>;

const PAGE_MAX = 100;
const PAGE_DEFAULT = 50;
/** A cursor of ours has less than half of it. */
const CURSOR_LENGTH_MAX = 255;

export const notifications = defineService(
  'notifications',
  {
    summary: 'Tells users how their orders fare.',
    version: '0.1.0',
    contact: { name: 'The maintainers of order-mesh' },
  },
  {
    deliver: {
      summary: 'Takes one order event and notifies its user, exactly once and in the order of the order.',
      description:
        'Meant for loms. An event that was taken before is answered again and changes nothing; one that comes before ' +
        'its predecessor is refused and has to come again. One that says something else than the event taken under its ' +
        'seq or its eventID is refused for good.',
      params: orderEvent,
      result: z.object({}),
      errors: {
        out_of_order: {
          code: 'aborted',
          message: 'An earlier event of this order has not arrived yet',
          details: z.object({ orderID: int64, expectedSeq: uint32 }),
        },
        event_conflict: {
          code: 'already_exists',
          message: 'The event contradicts one that was taken before',
          details: z.object({ orderID: int64, seq: uint32 }),
        },
      },
      timeoutMs: 2_000,
      retry: 'safe',
      example: {
        params: {
          eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01',
          orderID: 900000001,
          seq: 1,
          user: 900000001,
          status: 'new',
          at: '2026-01-31T12:00:00.000Z',
        },
        result: {},
      },
    },
    history: {
      summary: "Lists a user's notifications of a period, newest first.",
      description:
        'The period counts by when the changes were made; from is inclusive, to exclusive, a missing one leaves it open, ' +
        'and a to before from is refused. Give nextCursor as the cursor to read on; where it is missing, there is no more.',
      params: z
        .strictObject({
          user: int64,
          /** Inclusive; without it from the beginning. */
          from: timestamp.optional(),
          /** Exclusive; without it to the newest. */
          to: timestamp.optional(),
          limit: uint16.min(1).max(PAGE_MAX).meta({ format: 'uint16' }).default(PAGE_DEFAULT),
          cursor: text(CURSOR_LENGTH_MAX).optional(),
        })
        .refine(({ from, to }) => !from || !to || from <= to, {
          path: ['to'],
          error: 'expected a time that is not before from',
        }),
      result: z.object({
        notifications: z.array(
          z.object({ orderID: int64, seq: uint32, status: orderStatus, at: timestamp, text: z.string() }),
        ),
        nextCursor: z.string().optional(),
      }),
      timeoutMs: 1_000,
      reads: true,
      example: {
        params: { user: 1, from: '2026-01-01T00:00:00Z', limit: 1 },
        result: {
          notifications: [
            { orderID: 1, seq: 3, status: 'payed', at: '2026-11-20T09:00:01.250Z', text: 'Order 1 is payed.' },
          ],
          nextCursor: 'WyIyMDI2LTExLTIwVDA5OjAwOjAxLjI1MFoiLDEsM10',
        },
      },
    },
  },
);
