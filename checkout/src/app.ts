import { implement, type Service } from 'rpc-kit';
import { type ServingParts, serviceOptions, startBackground } from 'service-kit';
import { checkout } from '../contract.ts';
import type { UnfinishedPurchases } from './domain/ports.ts';
import { RESUME_BATCH_MAX, resumePurchases } from './domain/resume-purchases.ts';
import { createHandlers, type HandlerParts } from './handler/handlers.ts';
import { countPurchases, countResumptions } from './purchase-metrics.ts';

export interface Parts extends HandlerParts, ServingParts {
  readonly unfinished: UnfinishedPurchases;
}

export interface App extends AsyncDisposable {
  readonly service: Service<typeof checkout.methods>;
}

/** Pauses between searches for interrupted purchases. */
const RESUME_PAUSE = { idleMs: 1_000, idleMaxMs: 4_000 };

/** Composes the service and starts its background work. Disposing stops that work. */
export function createApp(parts: Parts): App {
  const { logger, registry, unfinished } = parts;
  const store = countPurchases(registry, parts.store);
  const resumed = countResumptions(registry);
  const resumption = startBackground({
    name: 'resume purchases',
    logger,
    registry,
    ...RESUME_PAUSE,
    async round(signal) {
      let failures = 0;
      const onFailure = (purchaseID: string, err: unknown): void => {
        failures += 1;
        logger.warn({ purchase_id: purchaseID, err }, 'a purchase could not be finished and will be retried');
      };
      const claimed = await resumePurchases(unfinished, { ...parts, store }, { onFailure }, { signal });
      resumed(claimed - failures, failures);
      return claimed === RESUME_BATCH_MAX;
    },
  });
  const service = implement(checkout, createHandlers({ ...parts, store }), serviceOptions(parts));
  return { service, [Symbol.asyncDispose]: () => resumption[Symbol.asyncDispose]() };
}
