import { Counter } from 'prom-client';
import { implement, type Service } from 'rpc-kit';
import { type Background, type ServingParts, serviceOptions, startBackground } from 'service-kit';
import { loms } from '../contract.ts';
import { createChangeFeed, type PolledFeed } from './change-feed.ts';
import { cancelOverdueOrders } from './domain/cancel-overdue-orders.ts';
import type { ChangeReader, OrderReader, OverdueOrders, StockReader, Store } from './domain/ports.ts';
import { createHandlers } from './handler/handlers.ts';
import { countOrders } from './order-metrics.ts';
import type { BacklogReader, EventPublisher, EventQueue } from './outbox/event.ts';
import { createEventRelay } from './outbox/event-relay.ts';
import { createEventMetrics } from './outbox/metrics.ts';

export interface Parts extends ServingParts {
  /** @param onEvents to be called after each commit that added events to the outbox, with the orders that it changed */
  readonly openStore: (onEvents: (orderIDs: readonly bigint[]) => void) => Store;
  readonly orders: OrderReader;
  readonly stocks: StockReader;
  readonly changes: ChangeReader;
  readonly overdue: OverdueOrders;
  /** That of the store. */
  readonly paymentTimeoutMs: number;
  readonly queue: EventQueue;
  readonly backlog: BacklogReader;
  readonly publisher: EventPublisher;
}

export interface App extends AsyncDisposable {
  readonly service: Service<typeof loms.methods>;
}

/**
 * A commit wakes the relay, and a claim says when a leased or postponed event is due. Only the events of a replica that died between
 * a commit and its claim are found later: at the end of a pause, which doubles while there is nothing to do.
 */
const EVENTS_PAUSE = { idleMs: 100, idleMaxMs: 5_000 };
/** How late an overdue order may be cancelled. */
const OVERDUE_IDLE_MS = 1_000;
/** The longest pause while no order is due: a read every five seconds costs next to nothing. */
const OVERDUE_IDLE_MAX_MS = 5_000;
/** The first order to be watched, and each commit that changes one, ends the pause. */
const FEED_PAUSE = { idleMs: 1_000, idleMaxMs: 60_000 };
/** Under load, each of many commits changes an order that is watched: those of this time are read together. */
const FEED_PACE_MS = 10;
/** Orders that cannot be cancelled fail in each round; a few lines show their common cause. */
const FAILURES_LOGGED_MAX = 20;

/** Puts the parts together. Disposing stops the background work. */
export function createApp(parts: Parts): App {
  const delivery = startDelivery(parts);
  const feed = startFeed(parts);
  const onEvents = (orderIDs: readonly bigint[]): void => {
    delivery.wake();
    feed.wake(orderIDs);
  };
  const store = countOrders(parts.registry, parts.openStore(onEvents));
  const expiry = startExpiry(parts, store);
  const handlers = createHandlers({ ...parts, store, feed });
  const service = implement(loms, handlers, serviceOptions(parts));
  return {
    service,
    async [Symbol.asyncDispose]() {
      // Delivery stops last, so that it delivers the events of the last expired orders.
      await expiry[Symbol.asyncDispose]();
      await delivery[Symbol.asyncDispose]();
      await feed[Symbol.asyncDispose]();
    },
  };
}

function startDelivery({ queue, backlog, publisher, logger, registry }: Parts): Background {
  const metrics = createEventMetrics(registry, logger, backlog);
  const relay = createEventRelay(queue, publisher, {
    onFailure(eventID, err, delayMs) {
      metrics.onFailure();
      logger.warn({ event_id: eventID, err, delayMs }, 'an event could not be delivered and will be retried');
    },
    onDelivered: metrics.onDelivered,
    onWork: () => rounds.wake(),
  });
  const rounds = startBackground({
    name: 'deliver events',
    logger,
    registry,
    paceMs: relay.paceMs,
    ...EVENTS_PAUSE,
    round: relay.round,
  });
  return {
    wake: rounds.wake,
    async [Symbol.asyncDispose]() {
      await rounds[Symbol.asyncDispose]();
      await relay.settle().catch((err: unknown) => {
        logger.error({ err }, 'delivered events could not be acknowledged and will be delivered again');
      });
    },
  };
}

function startFeed({ changes, logger, registry }: Parts): Omit<PolledFeed, 'round'> & AsyncDisposable {
  const feed = createChangeFeed(changes, () => rounds.wake());
  const rounds = startBackground({
    name: 'read changes of watched orders',
    logger,
    registry,
    paceMs: () => FEED_PACE_MS,
    ...FEED_PAUSE,
    round: feed.round,
  });
  return { behind: feed.behind, wake: feed.wake, [Symbol.asyncDispose]: () => rounds[Symbol.asyncDispose]() };
}

function startExpiry({ overdue, paymentTimeoutMs, logger, registry }: Parts, store: Store): Background {
  const expired = new Counter({
    name: 'orders_expired_total',
    help: 'Orders cancelled because they were not paid in time.',
    registers: [registry],
  });
  return startBackground({
    name: 'cancel overdue orders',
    logger,
    registry,
    idleMs: OVERDUE_IDLE_MS,
    // An order that is made during a pause must not become overdue in it.
    idleMaxMs: Math.min(Math.max(paymentTimeoutMs, OVERDUE_IDLE_MS), OVERDUE_IDLE_MAX_MS),
    async round(signal) {
      let failures = 0;
      const onFailure = (orderID: bigint, err: unknown): void => {
        failures += 1;
        if (failures > FAILURES_LOGGED_MAX) return;
        logger.error({ order_id: String(orderID), err }, 'an overdue order could not be cancelled and will be retried');
      };
      const cancelled = await cancelOverdueOrders(overdue, store, { onFailure }, { signal });
      expired.inc(cancelled);
      if (failures > FAILURES_LOGGED_MAX)
        logger.error({ failures }, 'more overdue orders could not be cancelled in this round');
      if (cancelled > 0) return true;
      // It found no order, or only orders that are locked or fail: the next round may wait.
      const dueMs = await overdue.nextDueMs({ signal });
      return dueMs === undefined ? false : Math.max(dueMs, OVERDUE_IDLE_MS);
    },
  });
}
