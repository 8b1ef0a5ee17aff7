import { fail, type Handlers, RpcError } from 'rpc-kit';
import { notifications } from '../../contract.ts';
import { EventConflict, EventOutOfOrder } from '../domain/errors.ts';
import type { History, Position } from '../domain/ports.ts';
import { type TakeEventPorts, takeEvent } from '../domain/take-event.ts';
import { parseCursor, toCursor } from '../history/cursor.ts';
import { readHistory } from '../history/read-page.ts';

const { deliver } = notifications.methods;

export interface Ports extends TakeEventPorts {
  readonly history: History;
}

export function createHandlers({ store, sink, history }: Ports): Handlers<typeof notifications.methods> {
  return {
    async deliver(event, call) {
      try {
        await takeEvent({ store, sink }, event, call);
        return {};
      } catch (error) {
        throw toRefusal(error);
      }
    },

    async history({ cursor, limit, ...period }, call) {
      const after = cursor === undefined ? undefined : toPosition(cursor);
      const page = await readHistory(history, period, { limit, after }, call);
      return {
        notifications: page.notifications.map(({ orderID, seq, status, at, text }) => ({
          orderID,
          seq,
          status,
          at,
          text,
        })),
        nextCursor: page.end && toCursor(page.end),
      };
    },
  };
}

function toRefusal(error: unknown): unknown {
  if (error instanceof EventOutOfOrder) {
    return fail(deliver, 'out_of_order', { orderID: error.orderID, expectedSeq: error.expectedSeq });
  }
  if (error instanceof EventConflict) {
    const refusal = fail(deliver, 'event_conflict', { orderID: error.event.orderID, seq: error.event.seq });
    // With a cause the call is logged as a warning that shows both events; the caller learns only that they clash.
    refusal.cause = error;
    return refusal;
  }
  return error;
}

function toPosition(cursor: string): Position {
  const position = parseCursor(cursor);
  if (position) return position;
  const message = 'expected the nextCursor of an earlier page';
  throw new RpcError('invalid_params', `Invalid params: cursor: ${message}`, {
    details: { issues: [{ path: 'cursor', message }] },
  });
}
