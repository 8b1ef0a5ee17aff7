import type { Registry } from 'prom-client';
import type { AccessEvents } from '../serving/access.ts';
import { knownMethod, perMethod } from './per-method.ts';
import { talliedCounterIn } from './tallies.ts';

/**
 * `rpc_server_access_total{method,decision}`: the decisions of `checkAccess` (`AccessDecision`). With the mode `audit`, calls with
 * another decision than `allowed` were executed too.
 */
export function accessMetrics(registry: Registry): AccessEvents {
  const decisions = talliedCounterIn(registry, {
    name: 'rpc_server_access_total',
    help: 'Calls by the decision of the access check: allowed, unauthenticated or permission_denied.',
    labelNames: ['method', 'decision'],
  });
  const seriesOf = perMethod((call) => {
    const series = (decision: string) => decisions.series({ method: knownMethod(call), decision });
    return {
      allowed: series('allowed'),
      unauthenticated: series('unauthenticated'),
      permission_denied: series('permission_denied'),
    };
  });
  return {
    decided({ call, decision }) {
      seriesOf(call)[decision].value += 1;
    },
  };
}
