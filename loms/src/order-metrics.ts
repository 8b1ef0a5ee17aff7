import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { queueGauges } from 'service-kit';
import { loms } from '../contract.ts';
import type { AwaitingReader, Orders, StatusChange, Store } from './domain/ports.ts';

const STATUSES = loms.methods.listOrder.result.shape.status.options;

/**
 * Counts committed changes: `orders_created_total{outcome}` and `order_status_changes_total{status}`. A transaction that is
 * rolled back counts nothing, and neither does a repeated call.
 */
export function countOrders(registry: Registry, store: Store): Store {
  const created = new Counter({
    name: 'orders_created_total',
    help: 'Orders created, by whether their goods were on sale: reserved or out_of_stock.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  const changed = new Counter({
    name: 'order_status_changes_total',
    help: 'Steps of orders, by the status that they led to.',
    labelNames: ['status'],
    registers: [registry],
  });
  // A rate needs a first value, so every series begins at 0.
  for (const outcome of ['reserved', 'out_of_stock']) created.inc({ outcome }, 0);
  for (const status of STATUSES) changed.inc({ status }, 0);

  const count = (changes: readonly StatusChange[]): void => {
    for (const { status } of changes) {
      changed.inc({ status });
      // The second step of every order, in the transaction that creates it.
      if (status === 'awaiting payment') created.inc({ outcome: 'reserved' });
      if (status === 'failed') created.inc({ outcome: 'out_of_stock' });
    }
  };

  return {
    async transaction(work, context) {
      let changes: StatusChange[] = [];
      const result = await store.transaction((repositories) => {
        // A lost race repeats the work; only the last attempt is committed.
        changes = [];
        const orders: Orders = {
          ...repositories.orders,
          async create(created) {
            const steps = await repositories.orders.create(created);
            changes.push(...steps.flat());
            return steps;
          },
          async settle(calls, to) {
            const settled = await repositories.orders.settle(calls, to);
            changes.push(...settled);
            return settled;
          },
        };
        return work({ ...repositories, orders });
      }, context);
      count(changes);
      return result;
    },
  };
}

/**
 * `orders_by_status{status}` and `orders_overdue_seconds`. Orders accumulate only in `awaiting payment`: `new` lasts one
 * transaction, and the other statuses are final, so counting them would read every order.
 */
export function observeAwaitingPayment(registry: Registry, logger: Logger, awaiting: AwaitingReader): void {
  queueGauges({
    registry,
    logger,
    count: {
      name: 'orders_by_status',
      help: 'Orders in a status that they will leave again, in the whole database',
      labelNames: ['status'],
    },
    oldest: {
      name: 'orders_overdue_seconds',
      help: 'How long ago the first order that is still awaiting payment should have been cancelled; 0 where none should',
    },
    queues: [
      {
        labels: { status: 'awaiting payment' },
        async read(countMax, context) {
          const { orders, overdueMs } = await awaiting.read(countMax, context);
          return { count: orders, oldestMs: overdueMs };
        },
      },
    ],
  });
}
