import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { Announce } from './domain/ports.ts';

/** Logs and counts stored notifications, whether their events arrived by RPC or by Kafka. */
export function createAnnounce(logger: Logger, registry: Registry): Announce {
  const stored = new Counter({
    name: 'notifications_stored_total',
    help: 'Notifications stored, by the status of their order.',
    labelNames: ['status'],
    registers: [registry],
  });
  return ({ user, orderID, seq, status, text }) => {
    stored.inc({ status });
    // IDs as text, because most JSON readers would round a number of 19 digits.
    logger.info({ user: String(user), order_id: String(orderID), seq, status, text }, 'notification');
  };
}
