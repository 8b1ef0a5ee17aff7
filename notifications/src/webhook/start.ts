import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, startBackground } from 'service-kit';
import type { Webhook } from './client.ts';
import type { DeliveryQueue } from './queue.ts';
import { createDeliveryRelay } from './relay.ts';

export interface WebhookParts {
  readonly webhook: Pick<Webhook, 'deliver'>;
  readonly queue: DeliveryQueue;
}

export interface WebhookOptions extends WebhookParts {
  readonly onDelivered: (count: number) => void;
  readonly onFailure: () => void;
  readonly onDead: () => void;
  readonly logger: Logger;
  readonly registry: Registry;
}

/**
 * Postponed notifications, and those that other replicas stored, are found by a pause. It begins anew with each delivery, so a retry
 * comes late by its own delay at most, and a second.
 */
const PAUSE = { idleMs: 100, idleMaxMs: 1_000 };

/** Calls the webhook in the background. */
export function startWebhook(options: WebhookOptions): Background {
  const { webhook, queue, onDelivered, logger, registry } = options;
  const relay = createDeliveryRelay(queue, webhook, {
    onFailure({ eventID }, err, delayMs) {
      options.onFailure();
      logger.warn({ event_id: eventID, err, delayMs }, 'a notification could not be delivered and will be tried again');
    },
    onDead({ eventID, orderID, seq, user, status }, err, attempts) {
      options.onDead();
      const notification = { event_id: eventID, order_id: String(orderID), seq, user: String(user), status };
      logger.error({ ...notification, err, attempts }, 'a notification could not be delivered and was given up');
    },
    onDelivered,
    onProgress: () => calling.wake(),
  });
  const calling = startBackground({
    name: 'call the webhook',
    logger,
    registry,
    ...PAUSE,
    round: relay.round,
  });
  return {
    wake: calling.wake,
    async [Symbol.asyncDispose]() {
      await calling[Symbol.asyncDispose]();
      await relay.settle().catch((err: unknown) => {
        logger.error({ err }, 'deliveries could not be acknowledged and will be repeated');
      });
    },
  };
}
