import type { notifications } from 'notifications/contract.ts';
import type { Client } from 'rpc-kit';
import type { EventSink } from '../domain/ports.ts';

/** Delivers events straight to notifications, where no broker stands between. */
export function createNotificationsSink(client: Client<typeof notifications.methods>): EventSink {
  return {
    async deliver({ eventID, orderID, seq, user, status, at, ...origin }, context) {
      const { requestId, traceparent, tracestate, baggage } = origin;
      const options = { ...context, requestId, traceparent, tracestate, baggage };
      await client.deliver({ eventID, orderID, seq, user, status, at }, options);
    },
  };
}
