import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, startBackground } from 'service-kit';
import { createDeliveryMetrics, type DeliveryMetrics } from './delivery-metrics.ts';
import type {
  DeliveryBacklogReader,
  DeliveryQueue,
  Journal,
  JournalQueue,
  SinkName,
  Target,
} from './domain/delivery-ports.ts';
import type { FoundJournal } from './journal/folder.ts';
import { createJournaling, recoverJournal } from './journal/write-journal.ts';
import { createDeliveryRelay } from './webhook/delivery-relay.ts';

export interface DeliveryParts {
  readonly journal?: JournalParts | undefined;
  readonly webhook?: { readonly target: Target; readonly queue: DeliveryQueue } | undefined;
  readonly backlog: DeliveryBacklogReader;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface JournalParts {
  readonly journal: Journal;
  readonly queue: JournalQueue;
  /** Opens a journal that another replica left. */
  readonly find: (journalID: string) => Promise<FoundJournal>;
}

export interface Deliveries extends AsyncDisposable {
  /** To be called when a notification has been stored. */
  wake(): void;
}

/** What other replicas stored, and what rests after a failure, is looked for this often. */
const IDLE_MS = 100;
/** How often it is looked for what other replicas left in their journals. */
const STALE_IDLE_MS = 2_500;
/** A batch is written within some milliseconds; what was taken so long ago belongs to a process that hangs or is dead. */
const STALE_MS = 5_000;

/** Brings notifications to the sinks that are there, in the background. */
export function startDeliveries({ journal, webhook, backlog, logger, registry }: DeliveryParts): Deliveries {
  const sinks: SinkName[] = [...(journal ? ['journal' as const] : []), ...(webhook ? ['webhook' as const] : [])];
  const metrics = createDeliveryMetrics(registry, logger, backlog, sinks);
  const running: Background[] = [];
  if (journal) running.push(startJournal(journal, metrics, { logger, registry }));
  if (webhook) running.push(startWebhook(webhook, metrics, { logger, registry }));
  return {
    wake() {
      for (const background of running) background.wake();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((background) => background[Symbol.asyncDispose]()));
    },
  };
}

type Watch = Pick<DeliveryParts, 'logger' | 'registry'>;

function startJournal(
  { journal, queue, find }: JournalParts,
  metrics: DeliveryMetrics,
  { logger, registry }: Watch,
): Background {
  const journaling = createJournaling(queue, journal);
  const rounds = startBackground({
    name: 'write the journal',
    logger,
    registry,
    idleMs: IDLE_MS,
    async round() {
      try {
        const count = await journaling.round();
        metrics.onDelivered('journal', count);
        return count > 0;
      } catch (error) {
        metrics.onFailure('journal');
        throw error;
      }
    },
  });
  const missed = new Set<string>();
  const stale = startBackground({
    name: 'finish journals that were left',
    logger,
    registry,
    idleMs: STALE_IDLE_MS,
    async round(signal) {
      for (const journalID of await queue.findStale(STALE_MS, { signal })) {
        if (journalID === journal.id) journaling.doubt();
        else await finish(journalID);
      }
      return false;
    },
  });

  async function finish(journalID: string): Promise<void> {
    const found = await find(journalID);
    if (found === 'in use') return;
    if (found === 'missing') {
      if (!missed.has(journalID)) logger.error({ journal: journalID }, MISSING);
      missed.add(journalID);
      return;
    }
    await using left = found;
    await recoverJournal(queue, left);
    logger.warn({ journal: journalID }, 'a journal that its process had left was brought to its end');
    rounds.wake();
  }

  return {
    wake: rounds.wake,
    async [Symbol.asyncDispose]() {
      await Promise.all([rounds[Symbol.asyncDispose](), stale[Symbol.asyncDispose]()]);
      await journaling.settle().catch((err: unknown) => {
        logger.warn({ err }, 'what the journal has could not be noted: the next start finds it there');
      });
    },
  };
}

const MISSING =
  "notifications are taken for a journal that is not in this journal's folder, and their orders wait: start the replica that " +
  'writes it, put the file into the folder, or, if it is lost, free them as the README of notifications says';

function startWebhook(
  { target, queue }: NonNullable<DeliveryParts['webhook']>,
  metrics: DeliveryMetrics,
  { logger, registry }: Watch,
): Background {
  const relay = createDeliveryRelay(queue, target, {
    onFailure({ eventID }, err, delayMs) {
      metrics.onFailure('webhook');
      logger.warn({ event_id: eventID, err, delayMs }, 'a notification could not be delivered and will be tried again');
    },
    onDead({ eventID, orderID, seq, user, status }, err, attempts) {
      metrics.onDead('webhook');
      const notification = { event_id: eventID, order_id: String(orderID), seq, user: String(user), status };
      logger.error({ ...notification, err, attempts }, 'a notification could not be delivered and was given up');
    },
    onDelivered: (count) => metrics.onDelivered('webhook', count),
    onProgress: () => rounds.wake(),
  });
  const rounds = startBackground({
    name: 'call the webhook',
    logger,
    registry,
    idleMs: IDLE_MS,
    round: relay.round,
  });
  return {
    wake: rounds.wake,
    async [Symbol.asyncDispose]() {
      await rounds[Symbol.asyncDispose]();
      await relay.settle().catch((err: unknown) => {
        logger.error({ err }, 'delivered notifications could not be noted and will be delivered again');
      });
    },
  };
}
