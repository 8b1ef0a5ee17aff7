import type { Call } from '../call.ts';
import { type ChoiceStep, onlyThose } from './endpoint-choice.ts';
import type { ListedEndpoint } from './endpoint-list.ts';
import type { Failure } from './failure.ts';
import { checkRange, SHARE } from './option-range.ts';

/** The endpoints of a new version, and the calls that go there. */
export interface CanaryOptions {
  /** The `version` of its endpoints; all others are stable. */
  readonly version: string;
  /** The share of calls that go there, from 0 to 1. Default: 0, so only those that `isMeant` chooses. */
  readonly share?: number;
  /** Chooses calls that go there in any case, e.g. by their baggage, which nested calls pass on. */
  readonly isMeant?: (call: Call) => boolean;
  /** Calls with the same key go to the same group as long as the share stays the same, e.g. all calls of one user. */
  readonly stickyBy?: (call: Call) => string | undefined;
}

/** The endpoints of the new version, or all others. */
export type CanaryGroup = 'canary' | 'stable';

export interface CanaryEvents<E> {
  /** An attempt at a call has ended at an endpoint of this group; without a failure, it has a result. */
  settled(endpoint: E, call: Call, group: CanaryGroup, failure: Failure | undefined): void;
}

interface Versioned {
  readonly listed: ListedEndpoint;
}

/**
 * Sends a share of the calls, and the calls that are meant for it, to the endpoints of one version. When no endpoint of the chosen group
 * is available, the call goes to the other group, so a canary that fails is ejected like any endpoint and costs no further calls.
 *
 * @throws {RangeError} for a share outside its range
 */
export function createCanary<E extends Versioned>(
  { version, share = 0, isMeant, stickyBy }: CanaryOptions,
  random: () => number,
  on: CanaryEvents<E>,
): ChoiceStep<E> {
  checkRange({ share }, SHARE);

  function isForCanary(call: Call): boolean {
    if (isMeant?.(call)) return true;
    if (share === 0) return false;
    const key = stickyBy?.(call);
    // With the version, so that each new version is tried on other keys.
    return (key === undefined ? random() : toUnit(`${version}\n${key}`)) < share;
  }

  const isCanary = ({ listed }: E): boolean => listed.version === version;

  return {
    narrow(candidates, { call }) {
      const wantsCanary = isForCanary(call);
      const group = onlyThose(candidates, (endpoint) => isCanary(endpoint) === wantsCanary);
      return group.available.length > 0 ? group : candidates;
    },
    settled(endpoint, call, failure) {
      on.settled(endpoint, call, isCanary(endpoint) ? 'canary' : 'stable', failure);
    },
  };
}

/** A number from 0 to below 1: FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), mixed by the last step of MurmurHash3. */
function toUnit(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
