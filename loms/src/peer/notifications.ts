import type { notifications } from 'notifications/contract.ts';
import type { Client } from 'rpc-kit';
import type { EventSink } from '../domain/ports.ts';

/** Delivers events straight to notifications, where no broker stands between. */
export function createNotificationsSink(client: Client<typeof notifications.methods>): EventSink {
  return {
    async deliver({ eventID, orderID, seq, user, status, at, requestId, traceparent }, context) {
      await client.deliver({ eventID, orderID, seq, user, status, at }, { ...context, requestId, traceparent });
    },
  };
}
