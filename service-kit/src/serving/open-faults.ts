import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type FaultPlan, type Interceptor, injectFaults, type ServiceContract } from 'rpc-kit';
import { faultMetrics } from 'rpc-kit/metrics';
import { ConfigError } from '../config.ts';

/**
 * The faults that FAULTS lists, as an interceptor. Only the environment of the process turns them on; nothing in a call
 * does.
 * @throws {ConfigError} for a method that the contract does not have
 */
export function openFaults(
  contract: ServiceContract,
  plan: FaultPlan | undefined,
  { logger, registry }: { readonly logger: Logger; readonly registry: Registry },
): Interceptor[] {
  const on = faultMetrics(registry);
  if (!plan) return [];
  try {
    const faults = injectFaults(contract, { ...plan, on });
    logger.warn(
      { faults: plan.faults, seed: faults.seed },
      'FAULTS is set: this process delays and fails calls on purpose',
    );
    return [faults];
  } catch (error) {
    throw new ConfigError(`FAULTS is wrong: ${(error as Error).message}`);
  }
}
