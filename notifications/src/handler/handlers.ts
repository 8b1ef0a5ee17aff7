import { SpanKind } from '@opentelemetry/api';
import { orderEvent } from 'loms/contract.ts';
import type { Logger } from 'pino';
import type { Handlers } from 'rpc-kit';
import { answerRefusals, createPages } from 'service-kit';
import { notifications } from '../../contract.ts';
import { acceptEvent } from '../domain/accept-event.ts';
import { type AcceptEventsPorts, acceptEvents } from '../domain/accept-events.ts';
import { continueOrigin } from '../event-origin.ts';
import type { History } from '../history/history.ts';

export interface Ports extends AcceptEventsPorts {
  readonly history: History;
  readonly logger: Logger;
}

const { at, orderID, seq } = orderEvent.shape;
const pages = createPages({ at, orderID, seq });

export function createHandlers({ history, logger, ...ports }: Ports): Handlers<typeof notifications.methods> {
  return answerRefusals(notifications, {
    async deliver(event, call) {
      await acceptEvent(ports, event, call);
      return {};
    },

    async deliverEvents({ events }, call) {
      const arrived = events.map(({ requestID, traceparent, tracestate, ...event }) => ({
        event,
        ...continueOrigin({ requestID, traceparent, tracestate }, 'accept event', { kind: SpanKind.CONSUMER }),
      }));
      const refused = await acceptEvents(ports, arrived, call);
      for (const { eventID, reason, message } of refused) {
        if (reason !== 'out_of_order') logger.warn({ event_id: eventID, reason, why: message }, 'an event was refused');
      }
      return { refused };
    },

    async history({ cursor, limit, ...period }, call) {
      const found = await history.read(period, limit + 1, pages.after(cursor), call);
      const { items, nextCursor } = pages.cut(found, limit);
      return { notifications: items.map(({ eventID: _eventID, user: _user, ...shown }) => shown), nextCursor };
    },
  });
}
