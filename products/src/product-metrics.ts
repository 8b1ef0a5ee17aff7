import { Counter, type Registry } from 'prom-client';
import type { Store } from './domain/ports.ts';

const ACTIONS = ['created', 'updated', 'archived'] as const;

/** Counts committed changes: `product_changes_total{action}`. A call that changes nothing counts nothing. */
export function countChanges(registry: Registry, store: Store): Store {
  const changes = new Counter({
    name: 'product_changes_total',
    help: 'Changes of products, by action: created, updated or archived.',
    labelNames: ['action'],
    registers: [registry],
  });
  // A rate needs a first value, so every series begins at 0.
  for (const action of ACTIONS) changes.inc({ action }, 0);

  return {
    async transaction(work, change) {
      let made: (typeof ACTIONS)[number][] = [];
      const result = await store.transaction((products) => {
        // A lost race repeats the work; only the last attempt is committed.
        made = [];
        return work({
          ...products,
          async create(product) {
            const isNew = await products.create(product);
            if (isNew) made.push('created');
            return isNew;
          },
          async change(action, next) {
            await products.change(action, next);
            made.push(action);
          },
        });
      }, change);
      for (const action of made) changes.inc({ action });
      return result;
    },
  };
}
