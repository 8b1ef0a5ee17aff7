import type { notifications } from 'notifications/contract.ts';
import type { Client } from 'rpc-kit';
import type { EventPublisher } from './event.ts';

/** Delivers events to notifications without a broker between. */
export function createRpcPublisher(client: Client<typeof notifications.methods>): EventPublisher {
  return {
    async publish({ eventID, orderID, seq, user, status, at, ...origin }, context) {
      const { requestId, traceparent, tracestate, baggage } = origin;
      const options = { ...context, requestId, traceparent, tracestate, baggage };
      await client.deliver({ eventID, orderID, seq, user, status, at }, options);
    },
  };
}
