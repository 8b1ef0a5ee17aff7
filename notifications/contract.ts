import { orderEvent } from 'loms/contract.ts';
import { defineService, int64, text, timestamp, uint16, uint32 } from 'rpc-kit';
import { z } from 'zod';

/** An order event with the sentence that its user reads, as the journal and the webhook carry it. */
export const notification = orderEvent.extend({ text: z.string() });

/** About 100 KB, and one statement of some 10 ms. */
const EVENTS_MAX = 500;
/** The longest that rpc-kit accepts from a caller and passes on. */
const REQUEST_ID_LENGTH_MAX = 128;
const TRACEPARENT_LENGTH_MAX = 55;
const TRACESTATE_LENGTH_MAX = 512;

/** An event of a batch, with the call that made it: the headers of the batch belong to no event. */
const batchedEvent = z.strictObject({
  ...orderEvent.shape,
  requestID: text(REQUEST_ID_LENGTH_MAX).optional(),
  /** W3C Trace Context. */
  traceparent: text(TRACEPARENT_LENGTH_MAX).optional(),
  tracestate: text(TRACESTATE_LENGTH_MAX).optional(),
});

const PAGE_MAX = 100;
const PAGE_DEFAULT = 50;
/** More than twice the length of the longest cursor. */
const CURSOR_LENGTH_MAX = 255;

export const notifications = defineService(
  'notifications',
  {
    summary: 'Notifies users of the status changes of their orders.',
    version: '0.1.0',
    contact: { name: 'The maintainers of order-mesh' },
  },
  {
    deliver: {
      summary: 'Notifies the user of one order event, exactly once and in the order of the events of an order.',
      description:
        'For loms. A repeated event is answered again and changes nothing. An event before its predecessor is refused and ' +
        'must be sent again. An event that contradicts the stored one with its seq or its eventID is refused for good.',
      params: z.strictObject(orderEvent.shape),
      result: z.object({}),
      errors: {
        out_of_order: {
          code: 'aborted',
          message: 'An earlier event of this order has not arrived yet',
          details: z.object({ orderID: int64, expectedSeq: uint32 }),
        },
        event_conflict: {
          code: 'already_exists',
          message: 'The event contradicts one that is stored',
          details: z.object({ orderID: int64, seq: uint32 }),
        },
      },
      timeoutMs: 2_000,
      retry: 'safe',
      access: { callers: ['loms'] },
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
    deliverEvents: {
      summary: 'Notifies users of many order events, each as deliver does.',
      description:
        'For loms. Events of one order come ascending by seq. The answer lists the events that were refused; all others are stored. ' +
        'A refused event also refuses the later ones of its order in the batch, as out_of_order, and no event of another order. ' +
        'failed means that the database refuses the data of the event. The sender must send refused events again.',
      params: z.strictObject({ events: z.array(batchedEvent).min(1).max(EVENTS_MAX) }),
      result: z.object({
        refused: z.array(
          z.object({
            eventID: z.uuid(),
            reason: z.enum(['out_of_order', 'event_conflict', 'failed']),
            message: z.string(),
          }),
        ),
      }),
      timeoutMs: 5_000,
      retry: 'safe',
      access: { callers: ['loms'] },
      example: {
        params: {
          events: [
            {
              eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a02',
              orderID: 900000002,
              seq: 1,
              user: 900000001,
              status: 'new',
              at: '2026-01-31T12:00:00.000Z',
            },
          ],
        },
        result: { refused: [] },
      },
    },
    history: {
      summary: "Lists a user's notifications of a period, newest first.",
      description:
        'The period selects by the time of the change: from is inclusive, to exclusive, both are optional, and a to before ' +
        'from is refused. Pass nextCursor as the cursor of the next page; the last page has none.',
      params: z
        .strictObject({
          user: int64,
          /** Inclusive. */
          from: timestamp.optional(),
          /** Exclusive. */
          to: timestamp.optional(),
          limit: uint16.min(1).max(PAGE_MAX).meta({ format: 'uint16' }).default(PAGE_DEFAULT),
          cursor: text(CURSOR_LENGTH_MAX).optional(),
        })
        .refine(({ from, to }) => !from || !to || from <= to, {
          path: ['to'],
          error: 'expected a time that is not before from',
        }),
      result: z.object({
        notifications: z.array(notification.omit({ eventID: true, user: true })),
        nextCursor: z.string().optional(),
      }),
      timeoutMs: 1_000,
      reads: true,
      access: { callers: ['gateway'] },
      example: {
        params: { user: 1, from: '2026-01-01T00:00:00Z', limit: 1 },
        result: {
          notifications: [
            { orderID: 1, seq: 3, status: 'payed', at: '2026-11-20T09:00:01.250Z', text: 'Order 1 is paid.' },
          ],
          nextCursor: 'WyIyMDI2LTExLTIwVDA5OjAwOjAxLjI1MFoiLDEsM10',
        },
      },
    },
  },
);
