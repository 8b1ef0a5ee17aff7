import { checkWhole, LIMIT } from '../schema/whole-number.ts';
import { atLeast, checkRange, SHARE } from './option-range.ts';

/**
 * - `serving`: the endpoint gets its share of the calls; `failuresMax` failures in a row eject it.
 * - `ejected`: it gets no calls until `untilAt`, on `performance.now()`'s scale.
 */
export type EndpointHealth =
  | { readonly name: 'serving'; readonly failuresInARow: number }
  | { readonly name: 'ejected'; readonly sinceAt: number; readonly untilAt: number };

/** When a balancer stops to use an endpoint that fails, and for how long. */
export interface OutlierEjectionOptions {
  /** Failures in a row that eject an endpoint. */
  readonly failuresMax: number;
  /** How long the first ejection lasts, in milliseconds; the n-th lasts n times as long. */
  readonly ejectionMs: number;
  /** The longest ejection. After serving for this long, an endpoint's ejections count from 1 again. */
  readonly ejectionMaxMs: number;
  /** The share of endpoints that may be ejected at a time, from 0 to 1, rounded up; never all of them. */
  readonly ejectedShareMax: number;
}

/** A member is an endpoint; the cause of a failure is passed to the listener unread. */
export interface OutlierEjectionEvents<M, C> {
  eject(event: { readonly member: M; readonly cause: C; readonly times: number; readonly forMs: number }): void;
  readmit(member: M): void;
}

/** The ejection state of one endpoint, stored in the endpoint itself. */
export interface EjectionRecord {
  health: EndpointHealth;
  /** Ejections in a row, with less than `ejectionMaxMs` of service between them. */
  times: number;
  readmittedAt: number;
}

export interface OutlierEjection<M, C> {
  /** The members that may be called now, after expired ejections have ended. Empty only when there are no members. */
  serving(): M[];
  succeeded(member: M): void;
  failed(member: M, cause: C): void;
  /** Call it when the members have changed: too many of them may be ejected now. */
  rebalance(): void;
}

export function createEjectionRecord(): EjectionRecord {
  return { health: { name: 'serving', failuresInARow: 0 }, times: 0, readmittedAt: Number.NEGATIVE_INFINITY };
}

/**
 * Takes endpoints that keep failing out of the rotation for a while, after Envoy
 * (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier), without timers. Differences:
 *
 * - A readmitted endpoint is on probation: its next failure ejects it again.
 * - When the ejected share is used up and every serving endpoint fails too, the failing endpoint is ejected and the one ejected
 *   longest is readmitted: that one may have recovered.
 *
 * @param members gives the current endpoints
 * @throws {RangeError} for an option outside its range
 */
export function createOutlierEjection<M extends EjectionRecord, C>(
  options: OutlierEjectionOptions,
  members: () => readonly M[],
  on: OutlierEjectionEvents<M, C>,
): OutlierEjection<M, C> {
  const { failuresMax, ejectionMs, ejectionMaxMs, ejectedShareMax } = options;
  checkWhole({ ejectionMs, ejectionMaxMs }, { ejectionMs: LIMIT, ejectionMaxMs: LIMIT });
  checkRange({ failuresMax }, atLeast(1));
  checkRange({ ejectedShareMax }, SHARE);

  function ejectedMax(): number {
    const count = members().length;
    return Math.min(count - 1, Math.ceil(count * ejectedShareMax));
  }

  /** The longest ejected first. */
  function ejected(): M[] {
    const sinceAt = ({ health }: M): number => (health.name === 'ejected' ? health.sinceAt : 0);
    return members()
      .filter(({ health }) => health.name === 'ejected')
      .sort((a, b) => sinceAt(a) - sinceAt(b));
  }

  function eject(member: M, cause: C): void {
    const now = performance.now();
    member.times = now - member.readmittedAt > ejectionMaxMs ? 1 : member.times + 1;
    const forMs = Math.min(ejectionMaxMs, ejectionMs * member.times);
    member.health = { name: 'ejected', sinceAt: now, untilAt: now + forMs };
    on.eject({ member, cause, times: member.times, forMs });
  }

  function readmit(member: M): void {
    member.readmittedAt = performance.now();
    member.health = { name: 'serving', failuresInARow: failuresMax - 1 };
    on.readmit(member);
  }

  /** An ejection that is cut short does not count, or seconds without any endpoint that works would eject some of them for long. */
  function readmitEarly(member: M): void {
    member.times -= 1;
    readmit(member);
  }

  function isFailing({ health }: M): boolean {
    return health.name === 'ejected' || health.failuresInARow >= failuresMax;
  }

  return {
    serving() {
      const now = performance.now();
      return members().filter((member) => {
        if (member.health.name === 'ejected' && member.health.untilAt <= now) readmit(member);
        return member.health.name === 'serving';
      });
    },
    succeeded(member) {
      if (member.health.name === 'serving' && member.health.failuresInARow > 0) {
        member.health = { name: 'serving', failuresInARow: 0 };
      }
    },
    failed(member, cause) {
      // A call that was in flight when its endpoint was ejected or left.
      if (member.health.name === 'ejected' || !members().includes(member)) return;
      member.health = { name: 'serving', failuresInARow: member.health.failuresInARow + 1 };
      if (member.health.failuresInARow < failuresMax) return;
      const out = ejected();
      if (out.length < ejectedMax()) return eject(member, cause);
      const [longestOut] = out;
      if (!longestOut || !members().every(isFailing)) return;
      eject(member, cause);
      readmitEarly(longestOut);
    },
    rebalance() {
      const out = ejected();
      for (const member of out.slice(0, Math.max(0, out.length - ejectedMax()))) readmitEarly(member);
    },
  };
}
