import type { Call } from '../call.ts';
import { type ChoiceStep, onlyThose } from './endpoint-choice.ts';
import type { ListedEndpoint } from './endpoint-list.ts';

/** Why a call left the zone: too few endpoints of it are available, or they accept too few calls. */
export type SpillReason = 'unavailable' | 'overloaded';

export interface ZoneEvents {
  spill(event: { readonly call: Call; readonly why: SpillReason }): void;
}

interface Zoned {
  readonly listed: ListedEndpoint;
}

/**
 * Envoy's overprovisioning factor
 * (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority): a zone keeps all of its calls until
 * less than 1/1.4 = 71 % of its endpoints are available, and each of these then gets 1.4 times its usual load.
 */
const OVERPROVISIONING = 1.4;

/**
 * The K of adaptive throttling (Site Reliability Engineering, chapter 21, "Handling Overload"): the zone is asked for 1.1 times the calls
 * that it accepts. The tenth above it finds out when it accepts more.
 */
const ASKED_PER_ACCEPTED = 1.1;

/** The age at which an outcome counts 1/e: shorter than an overload lasts, longer than a burst. */
const MEMORY_MS = 5_000;

/**
 * Prefers the endpoints of one zone. Calls spill over to the other zones as far as the zone's own endpoints are not available, and as far
 * as these refuse or fail calls.
 */
export function createZonePreference<E extends Zoned>(
  zone: string,
  random: () => number,
  on: ZoneEvents,
): ChoiceStep<E> {
  let asked = 0;
  let accepted = 0;
  let countedAt = performance.now();

  function forget(): void {
    const now = performance.now();
    const remembered = Math.exp((countedAt - now) / MEMORY_MS);
    asked *= remembered;
    accepted *= remembered;
    countedAt = now;
  }

  function count(isAccepted: boolean): void {
    forget();
    asked += 1;
    if (isAccepted) accepted += 1;
  }

  function isRefused(): boolean {
    forget();
    const refused = (asked - ASKED_PER_ACCEPTED * accepted) / (asked + 1);
    return refused > 0 && random() < refused;
  }

  function spillReason(listed: number, available: number): SpillReason | undefined {
    const kept = (OVERPROVISIONING * available) / listed;
    if (kept < 1 && random() >= kept) return 'unavailable';
    if (!isRefused()) return undefined;
    // The formula counts every call that would have stayed.
    count(false);
    return 'overloaded';
  }

  const isLocal = ({ listed }: E): boolean => listed.zone === zone;

  return {
    narrow(candidates, { call, isFailover }) {
      const local = onlyThose(candidates, isLocal);
      const others = onlyThose(candidates, (endpoint) => !isLocal(endpoint));
      if (local.listed.length === 0 || others.available.length === 0) return candidates;
      // An endpoint that cannot be reached is often not the only one of its zone.
      const why = isFailover ? 'unavailable' : spillReason(local.listed.length, local.available.length);
      if (!why) return local;
      on.spill({ call, why });
      return others;
    },
    settled(endpoint, _call, failure) {
      if (isLocal(endpoint) && failure !== 'withdrawn') count(failure === undefined || failure === 'answered');
    },
  };
}
