import { Gauge, type Registry } from 'prom-client';
import type { Call } from '../call.ts';
import type { CircuitBreakerEvents, CircuitBreakerState } from '../calling/circuit-breaker.ts';
import type { HedgeWinner, HedgingEvents } from '../calling/hedging.ts';
import type { RetryEvents } from '../calling/retry.ts';
import type { RetryBudget } from '../calling/retry-budget.ts';
import type { SharedLimitEvents } from '../calling/shared-limit.ts';
import { counterIn, gaugeIn } from './instruments.ts';

/**
 * Listeners that count the events of client policies: `retry({ budget, on: retryMetrics(registry) })`. Clients of several peers
 * share the registry and its instruments.
 */

/**
 * `rpc_client_retries_total{peer,method,outcome}`: a retry was `sent`, it `recovered` the call, or none was sent and the outcome
 * says why (`GiveUpReason`: unsafe, nested, attempts, time, budget).
 */
export function retryMetrics(registry: Registry): RetryEvents {
  const name = 'rpc_client_retries_total';
  const help = 'Retries sent, calls that they recovered, and failed calls that were not retried, by why.';
  const retries = counterIn(registry, { name, help, labelNames: ['peer', 'method', 'outcome'] });
  const count = (call: Call, outcome: string) => retries.inc({ ...labelsOf(call), outcome });
  return {
    retry: ({ call }) => count(call, 'sent'),
    recovered: ({ call }) => count(call, 'recovered'),
    giveUp: ({ call, why }) => count(call, why),
  };
}

/** The budgets that a registry's gauge reads, by peer. */
const budgets = new WeakMap<Registry, Map<string, RetryBudget>>();

/** `rpc_client_retry_budget{peer}`: the retries that could be sent at the time of the scrape. */
export function retryBudgetMetrics(registry: Registry, peer: string, budget: RetryBudget): void {
  const known = budgets.get(registry) ?? new Map<string, RetryBudget>();
  budgets.set(registry, known.set(peer, budget));
  const name = 'rpc_client_retry_budget';
  if (registry.getSingleMetric(name)) return;
  new Gauge({
    name,
    help: 'Retries that could be made right now.',
    labelNames: ['peer'],
    registers: [registry],
    collect() {
      for (const [each, { balance }] of known) this.set({ peer: each }, balance);
    },
  });
}

const BREAKER_STATES = { closed: 0, 'half-open': 1, open: 2 } as const satisfies Record<
  CircuitBreakerState['name'],
  number
>;

/**
 * `rpc_client_breaker_state{peer,endpoint}`: 0 closed, 1 half-open, 2 open. The series is removed when the breaker is disposed of, so
 * that series of old endpoints do not accumulate.
 */
export function breakerMetrics(
  registry: Registry,
  labels: { readonly peer: string; readonly endpoint: string },
): Partial<CircuitBreakerEvents> {
  const name = 'rpc_client_breaker_state';
  const help = 'State of the circuit breaker: 0 closed, 1 half-open, 2 open.';
  const states = gaugeIn(registry, { name, help, labelNames: ['peer', 'endpoint'] });
  const show = (state: CircuitBreakerState['name']) => states.set({ ...labels }, BREAKER_STATES[state]);
  show('closed');
  return {
    open: () => show('open'),
    halfOpen: () => show('half-open'),
    close: () => show('closed'),
    dispose: () => states.remove({ ...labels }),
  };
}

const HEDGE_OUTCOMES = { hedge: 'won', first: 'lost', none: 'failed' } as const satisfies Record<HedgeWinner, string>;

/** `rpc_client_hedges_total{peer,method,outcome}`: the second attempt won, lost, failed, or was unaffordable for the budget. */
export function hedgingMetrics(registry: Registry): Partial<HedgingEvents> {
  const help = 'Second attempts at slow reads, by outcome.';
  const hedges = counterIn(registry, {
    name: 'rpc_client_hedges_total',
    help,
    labelNames: ['peer', 'method', 'outcome'],
  });
  return {
    settled: ({ call, by }) => hedges.inc({ ...labelsOf(call), outcome: HEDGE_OUTCOMES[by] }),
    unaffordable: ({ call }) => hedges.inc({ ...labelsOf(call), outcome: 'unaffordable' }),
  };
}

/** `rpc_limiter_leases_total{limiter,outcome}`: blocks of tokens that the store granted, or had none left for, or failed to answer. */
export function sharedLimitMetrics(registry: Registry, limiter: string): SharedLimitEvents {
  const help = 'Blocks of tokens asked of the store that replicas share: granted, empty, or the store failed.';
  const name = 'rpc_limiter_leases_total';
  const leases = counterIn(registry, { name, help, labelNames: ['limiter', 'outcome'] });
  return {
    leased: ({ granted }) => leases.inc({ limiter, outcome: granted > 0 ? 'granted' : 'empty' }),
    storeFailed: () => leases.inc({ limiter, outcome: 'failed' }),
  };
}

/** Unknown method names come from callers; a series for each would let a caller fill the memory. */
function labelsOf({ service, method, contract }: Call): Record<'peer' | 'method', string> {
  return { peer: service, method: contract ? method : 'unknown' };
}
