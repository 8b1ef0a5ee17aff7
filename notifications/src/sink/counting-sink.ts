import { Counter, type Registry } from 'prom-client';
import type { Sink } from '../domain/ports.ts';

/** Counts what passes on its way to the next sink: `notifications_stored_total{status}`. */
export function createCountingSink(registry: Registry, next: Sink): Sink {
  const stored = new Counter({
    name: 'notifications_stored_total',
    help: 'Notifications stored, by the status that they tell of.',
    labelNames: ['status'],
    registers: [registry],
  });
  return {
    async send(notification) {
      stored.inc({ status: notification.status });
      await next.send(notification);
    },
  };
}
