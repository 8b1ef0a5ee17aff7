import type { Registry } from 'prom-client';
import type { FaultEvents } from '../faults/inject-faults.ts';
import { counterIn } from './instruments.ts';
import { knownMethod } from './per-method.ts';

/** `rpc_faults_injected_total{method,kind}`: delays, aborts and drops by `injectFaults`. */
export function faultMetrics(registry: Registry): FaultEvents {
  const help = 'Faults that were injected on purpose, by kind: delay, abort or drop.';
  const faults = counterIn(registry, { name: 'rpc_faults_injected_total', help, labelNames: ['method', 'kind'] });
  return { injected: ({ call, kind }) => faults.inc({ method: knownMethod(call), kind }) };
}
