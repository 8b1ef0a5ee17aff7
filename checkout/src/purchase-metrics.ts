import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { queueGauges } from 'service-kit';
import type { Carts, PurchaseOutcome, Purchases, Store, UnsettledReader } from './domain/ports.ts';

type Outcome = PurchaseOutcome['state'];
const OUTCOMES = ['ordered', 'out of stock', 'cart empty', 'rejected'] as const satisfies Outcome[];
const CHANGES = ['add', 'delete'] as const;

/** What a transaction changed; added to the metrics after its commit. */
interface Tally {
  readonly changes: (typeof CHANGES)[number][];
  readonly outcomes: Outcome[];
}

/**
 * Decorates the store: counts committed work in `cart_changes_total{change}` and `purchases_total{outcome}`. A purchase counts
 * once, when it is settled.
 */
export function countPurchases(registry: Registry, store: Store): Store {
  const changed = new Counter({
    name: 'cart_changes_total',
    help: 'Changes of carts by their users: add, delete.',
    labelNames: ['change'],
    registers: [registry],
  });
  const settled = new Counter({
    name: 'purchases_total',
    help: 'Purchases that came to their end, by outcome; rejected is loms refusing for a reason that no user can mend.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  // Series start at 0, so that a rate over the first event is correct.
  for (const change of CHANGES) changed.inc({ change }, 0);
  for (const outcome of OUTCOMES) settled.inc({ outcome }, 0);

  return {
    async transaction(work, context) {
      let tally: Tally = { changes: [], outcomes: [] };
      const result = await store.transaction(({ carts, purchases }) => {
        // The work may run more than once; only the last run is committed.
        tally = { changes: [], outcomes: [] };
        return work({ carts: tallyCarts(carts, tally), purchases: tallyPurchases(purchases, tally) });
      }, context);
      for (const change of tally.changes) changed.inc({ change });
      for (const outcome of tally.outcomes) settled.inc({ outcome });
      return result;
    },
  };
}

function tallyCarts(carts: Carts, { changes }: Tally): Carts {
  return {
    lines: (user) => carts.lines(user),
    lock: (user) => carts.lock(user),
    async add(user, line) {
      await carts.add(user, line);
      changes.push('add');
    },
    async remove(user, line) {
      await carts.remove(user, line);
      changes.push('delete');
    },
  };
}

function tallyPurchases(purchases: Purchases, { outcomes }: Tally): Purchases {
  return {
    findByKey: (user, key) => purchases.findByKey(user, key),
    findPending: (user) => purchases.findPending(user),
    async begin(user, key) {
      const begun = await purchases.begin(user, key);
      if (!begun) outcomes.push('cart empty');
      return begun;
    },
    async settle(purchase, outcome) {
      const isFirst = await purchases.settle(purchase, outcome);
      if (isFirst) outcomes.push(outcome.state);
      return isFirst;
    },
  };
}

/** `purchases_resumed_total{result}`: interrupted purchases that the background claimed. */
export function countResumptions(registry: Registry): (finished: number, failed: number) => void {
  const resumed = new Counter({
    name: 'purchases_resumed_total',
    help: 'Interrupted purchases that the background resumed: finished, or failed and retried later.',
    labelNames: ['result'],
    registers: [registry],
  });
  const count = (finished: number, failed: number): void => {
    resumed.inc({ result: 'finished' }, finished);
    resumed.inc({ result: 'failed' }, failed);
  };
  count(0, 0);
  return count;
}

/** `purchases_pending` and `purchases_pending_oldest_seconds`. */
export function observeUnsettled(registry: Registry, logger: Logger, unsettled: UnsettledReader): void {
  queueGauges({
    registry,
    logger,
    count: { name: 'purchases_pending', help: 'Purchases whose outcome is not known yet, in the whole database' },
    oldest: {
      name: 'purchases_pending_oldest_seconds',
      help: 'How long ago the oldest of the pending purchases began',
    },
    queues: [unsettled],
  });
}
