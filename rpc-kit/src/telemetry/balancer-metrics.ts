import { Gauge, type Registry } from 'prom-client';
import type { Balancer } from '../calling/balancer.ts';
import type { BalancerEvents, EndpointState } from '../calling/balancer-options.ts';
import { counterIn } from './instruments.ts';

const EJECTIONS = {
  name: 'rpc_client_endpoint_ejections_total',
  help: 'Endpoints taken out of the rotation for a while.',
  labelNames: ['peer'],
};
const SPILLS = {
  name: 'rpc_client_zone_spills_total',
  help: 'Calls sent to another zone than the preferred one.',
  labelNames: ['peer', 'why'],
};
const CANARY_ATTEMPTS = {
  name: 'rpc_client_canary_attempts_total',
  help: 'Attempts at endpoints of the canary and at stable ones, by outcome.',
  labelNames: ['peer', 'group', 'outcome'],
};

/**
 * Counts what a balancer decides: `createBalancer({ endpoints, connect, on: balancerMetrics(registry) })`. Logs name the endpoint:
 * addresses change too often for a label.
 *
 * - `rpc_client_endpoint_ejections_total{peer}`
 * - `rpc_client_zone_spills_total{peer,why}`: calls that left their zone, because its endpoints were `unavailable` or `overloaded`
 * - `rpc_client_canary_attempts_total{peer,group,outcome}`: attempts at endpoints of the `canary` and at `stable` ones, where there is a
 *   canary; `ok`, or why the attempt failed (see `Failure`)
 */
export function balancerMetrics(registry: Registry): Required<Pick<BalancerEvents, 'eject' | 'spill' | 'canary'>> {
  const ejections = counterIn(registry, EJECTIONS);
  return {
    eject: ({ call }) => ejections.inc({ peer: call.service }),
    // These two exist from their first event on: most services have neither a zone nor a canary.
    spill: ({ call, why }) => counterIn(registry, SPILLS).inc({ peer: call.service, why }),
    canary: ({ call, group, failure }) =>
      counterIn(registry, CANARY_ATTEMPTS).inc({ peer: call.service, group, outcome: failure ?? 'ok' }),
  };
}

/** The balancers that a registry's gauge reads, by peer. */
const balancers = new WeakMap<Registry, Map<string, Balancer>>();

const STATES = ['serving', 'starting', 'unhealthy', 'ejected'] as const satisfies readonly EndpointState[];

/** `rpc_client_endpoints{peer,state}`: the endpoints of a balancer at the time of the scrape, by their state (see `EndpointState`). */
export function endpointMetrics(registry: Registry, peer: string, balancer: Balancer): void {
  const known = balancers.get(registry) ?? new Map<string, Balancer>();
  balancers.set(registry, known.set(peer, balancer));
  const name = 'rpc_client_endpoints';
  if (registry.getSingleMetric(name)) return;
  new Gauge({
    name,
    help: 'Endpoints of a peer, by state: serving, starting, unhealthy or ejected.',
    labelNames: ['peer', 'state'],
    registers: [registry],
    collect() {
      for (const [each, { endpoints }] of known) {
        const states = endpoints.map(({ state }) => state);
        for (const state of STATES) this.set({ peer: each, state }, states.filter((one) => one === state).length);
      }
    },
  });
}
