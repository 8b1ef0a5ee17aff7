import { type Handlers, RpcError } from 'rpc-kit';
import { answerRefusals } from 'service-kit';
import { notifications } from '../../contract.ts';
import { type AcceptEventPorts, acceptEvent } from '../domain/accept-event.ts';
import { parseCursor, toCursor } from '../history/cursor.ts';
import type { History, Position } from '../history/history.ts';
import { readPage } from '../history/read-page.ts';

export interface Ports extends AcceptEventPorts {
  readonly history: History;
}

export function createHandlers({ history, ...ports }: Ports): Handlers<typeof notifications.methods> {
  return answerRefusals(notifications, {
    async deliver(event, call) {
      await acceptEvent(ports, event, call);
      return {};
    },

    async history({ cursor, limit, ...period }, call) {
      const after = cursor === undefined ? undefined : toPosition(cursor);
      const page = await readPage(history, period, { limit, after }, call);
      return {
        notifications: page.notifications.map(({ eventID: _eventID, user: _user, ...shown }) => shown),
        nextCursor: page.end && toCursor(page.end),
      };
    },
  });
}

function toPosition(cursor: string): Position {
  const position = parseCursor(cursor);
  if (position) return position;
  const message = 'expected the nextCursor of an earlier page';
  throw new RpcError('invalid_params', `Invalid params: cursor: ${message}`, {
    details: { issues: [{ path: 'cursor', message }] },
  });
}
