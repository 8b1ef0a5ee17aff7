import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { createSharedLimit, type Interceptor, rateLimit, type ServiceContract, type SharedLimitOptions } from 'rpc-kit';
import { sharedLimitMetrics } from 'rpc-kit/metrics';
import { createTokenStore } from '../calling/token-store.ts';
import { ConfigError } from '../config.ts';
import { type Database, inBackground } from '../database/database.ts';
import type { MethodLimit } from './method-limit.ts';

export interface MethodLimitParts {
  /** Keeps the tokens, so all replicas on it share them. */
  readonly database: Database;
  readonly logger: Logger;
  readonly registry: Registry;
}

/**
 * The limits that METHOD_LIMITS lists, an interceptor each. A call beyond its limit is refused at once.
 * @throws {ConfigError} for a method that the contract does not have
 */
export function openMethodLimits(
  contract: ServiceContract,
  limits: readonly MethodLimit[],
  { database, logger, registry }: MethodLimitParts,
): Interceptor[] {
  // A lease serves many calls, so its statement goes ahead of theirs.
  const store = createTokenStore(inBackground(database));
  // The counter is shown without limits, too.
  sharedLimitMetrics(registry, contract.name);
  return limits.map(({ method, tokens, intervalMs }) => {
    if (!Object.hasOwn(contract.methods, method)) {
      throw new ConfigError(`METHOD_LIMITS is wrong: ${contract.name} has no method ${JSON.stringify(method)}`);
    }
    const name = `${contract.name}.${method}`;
    const on = observe(method, sharedLimitMetrics(registry, method), logger);
    return rateLimit(createSharedLimit({ store, name, tokens, intervalMs, waitersMax: 0, on }), { methods: [method] });
  });
}

function observe(method: string, count: Required<SharedLimitOptions>['on'], logger: Logger): SharedLimitOptions['on'] {
  let isAlone = false;
  return {
    leased(event) {
      count.leased?.(event);
      if (isAlone) logger.info({ method }, 'the database grants tokens of METHOD_LIMITS again');
      isAlone = false;
    },
    storeFailed(event) {
      count.storeFailed?.(event);
      const line = 'the database grants no tokens of METHOD_LIMITS; this process limits the method alone';
      if (!isAlone) logger.warn({ method, err: event.error }, line);
      isAlone = true;
    },
  };
}
