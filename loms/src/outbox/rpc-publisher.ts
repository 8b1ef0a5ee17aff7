import type { notifications } from 'notifications/contract.ts';
import type { Logger } from 'pino';
import { type Client, type Code, RpcError } from 'rpc-kit';
import { runInPool } from 'worker-pool';
import type { Context } from '../domain/ports.ts';
import { type EventPublisher, type FailedEvent, type OrderEvent, PublisherUnavailable } from './event.ts';
import { logReachability } from './reachability.ts';

/** Codes that say nothing of the events of a call: every other call would fail the same way. */
const OF_AN_OUTAGE: ReadonlySet<Code> = new Set([
  'unavailable',
  'deadline_exceeded',
  'resource_exhausted',
  'cancelled',
  'unauthenticated',
  'permission_denied',
]);
/** Orders whose events are delivered one by one at a time: about as many calls as a replica of notifications serves side by side. */
const ORDERS_SIDE_BY_SIDE = 16;

/**
 * Delivers events to notifications without a broker between: a batch is one call. If that fails for one of its events, or because this
 * notifications does not know batches yet, its events are delivered one by one, so that a bad one costs only its own order.
 */
export function createRpcPublisher(client: Client<typeof notifications.methods>, logger: Logger): EventPublisher {
  const reachability = logReachability(logger, 'notifications');

  async function deliverBatch(events: readonly OrderEvent[], { signal }: Context): Promise<readonly FailedEvent[]> {
    const { refused } = await client.deliverEvents({ events: events.map(toBatchedEvent) }, { signal });
    if (refused.length === 0) return [];
    const byID = new Map(events.map((event) => [event.eventID, event]));
    return refused.flatMap(({ eventID, reason, message }) => {
      const event = byID.get(eventID);
      return event ? [{ event, error: new Error(`notifications refused the event as ${reason}: ${message}`) }] : [];
    });
  }

  async function deliverOrder(events: readonly OrderEvent[], { signal }: Context): Promise<FailedEvent[]> {
    for (const event of events) {
      const { eventID, orderID, seq, user, status, at, requestId, traceparent, tracestate, baggage } = event;
      const options = { signal, requestId, traceparent, tracestate, baggage };
      try {
        await client.deliver({ eventID, orderID, seq, user, status, at }, options);
      } catch (error) {
        if (isOutage(error)) throw error;
        return [{ event, error }];
      }
    }
    return [];
  }

  async function deliverEach(events: readonly OrderEvent[], { signal }: Context): Promise<readonly FailedEvent[]> {
    const orders = [...Map.groupBy(events, ({ orderID }) => orderID).values()];
    const limits = { concurrency: ORDERS_SIDE_BY_SIDE, signal };
    return (await runInPool(orders, (order, signal) => deliverOrder(order, { signal }), limits)).flat();
  }

  function deliver(events: readonly OrderEvent[], context: Context): Promise<readonly FailedEvent[]> {
    return deliverBatch(events, context).catch((error: unknown) => {
      if (isOutage(error)) throw error;
      return deliverEach(events, context);
    });
  }

  return {
    async publish(events, context) {
      try {
        const failed = await deliver(events, context);
        reachability.onAccepted();
        return failed;
      } catch (error) {
        context.signal.throwIfAborted();
        reachability.onRefused(error);
        throw new PublisherUnavailable('notifications accepts no events right now', { cause: error });
      }
    },
  };
}

const isOutage = (error: unknown): boolean => error instanceof RpcError && OF_AN_OUTAGE.has(error.code);

function toBatchedEvent({ eventID, orderID, seq, user, status, at, requestId, traceparent, tracestate }: OrderEvent) {
  return { eventID, orderID, seq, user, status, at, requestID: requestId, traceparent, tracestate };
}
