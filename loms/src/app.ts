import { Counter } from 'prom-client';
import { implement, type Service } from 'rpc-kit';
import { type Background, type ServingParts, serviceOptions, startBackground } from 'service-kit';
import { loms } from '../contract.ts';
import { cancelOverdueOrders } from './domain/cancel-overdue-orders.ts';
import { createEventRelay } from './domain/deliver-events.ts';
import type {
  BacklogReader,
  EventQueue,
  EventSink,
  Handover,
  OrderReader,
  OverdueOrders,
  StockReader,
  Store,
} from './domain/ports.ts';
import { createEventMetrics } from './event-metrics.ts';
import { createHandlers } from './handler/handlers.ts';
import { countOrders } from './order-metrics.ts';

export interface Parts extends ServingParts {
  /** @param openHandover for each transaction: how its events find those who deliver them */
  readonly openStore: (openHandover: () => Handover) => Store;
  readonly orders: OrderReader;
  readonly stocks: StockReader;
  readonly overdue: OverdueOrders;
  readonly queue: EventQueue;
  readonly backlog: BacklogReader;
  readonly sink: EventSink;
}

export interface App extends AsyncDisposable {
  readonly service: Service<typeof loms.methods>;
}

/** With the time between two looks, a tenth of a second: so late at most is an event found that nobody told of. */
const EVENTS_IDLE_MS = 25;
/** How late an overdue order may be cancelled. */
const OVERDUE_IDLE_MS = 1_000;
/** Orders that cannot be cancelled come back each round: what they have in common shows in a few of them. */
const FAILURES_LOGGED_MAX = 20;

/** Puts the parts together. Disposing stops the background work. */
export function createApp(parts: Parts): App {
  const delivery = startDelivery(parts);
  const store = countOrders(parts.registry, parts.openStore(delivery.openHandover));
  const expiry = startExpiry(parts, store);
  const handlers = createHandlers({ store, orders: parts.orders, stocks: parts.stocks });
  const service = implement(loms, handlers, serviceOptions(parts));
  return {
    service,
    async [Symbol.asyncDispose]() {
      // What the one still leaves behind, the other still delivers.
      await expiry[Symbol.asyncDispose]();
      await delivery[Symbol.asyncDispose]();
    },
  };
}

interface Delivery extends AsyncDisposable {
  openHandover(): Handover;
}

function startDelivery({ queue, backlog, sink, logger, registry }: Parts): Delivery {
  const metrics = createEventMetrics(registry, backlog);
  const relay = createEventRelay(queue, sink, {
    onFailure(eventID, err, delayMs) {
      metrics.onFailure();
      logger.warn({ event_id: eventID, err, delayMs }, 'an event could not be delivered and will be tried again');
    },
    onDelivered: metrics.onDelivered,
    onWork: () => rounds.wake(),
  });
  const rounds = startBackground({
    name: 'deliver events',
    logger,
    registry,
    idleMs: EVENTS_IDLE_MS,
    round: relay.round,
  });
  return {
    openHandover: relay.openHandover,
    async [Symbol.asyncDispose]() {
      await rounds[Symbol.asyncDispose]();
      await relay.settle().catch((err: unknown) => {
        logger.error({ err }, 'delivered events could not be noted and will be delivered again');
      });
    },
  };
}

function startExpiry({ overdue, logger, registry }: Parts, store: Store): Background {
  const expired = new Counter({
    name: 'orders_expired_total',
    help: 'Orders cancelled because they were not payed in time.',
    registers: [registry],
  });
  return startBackground({
    name: 'cancel overdue orders',
    logger,
    registry,
    idleMs: OVERDUE_IDLE_MS,
    async round(signal) {
      let failures = 0;
      const onFailure = (orderID: bigint, err: unknown): void => {
        failures += 1;
        if (failures > FAILURES_LOGGED_MAX) return;
        logger.error(
          { order_id: String(orderID), err },
          'an overdue order could not be cancelled and will be tried again',
        );
      };
      const cancelled = await cancelOverdueOrders(overdue, store, { onFailure }, { signal });
      expired.inc(cancelled);
      if (failures > FAILURES_LOGGED_MAX)
        logger.error({ failures }, 'overdue orders that could not be cancelled, in all');
      // A round that cancels nothing found nothing, or nothing that it could have: others have it in hand, or it fails.
      return cancelled > 0;
    },
  });
}
