import { OVERLOADED } from '../../calling/failure.ts';
import { RpcError } from '../../rpc-error.ts';
import type { Target } from './connect.ts';
import { Session, type SessionLimits } from './session.ts';

export interface PoolLimits extends SessionLimits {
  /** Sessions that take calls. */
  readonly sessionsMax: number;
  /** Calls that wait for a session. */
  readonly waitingMax: number;
}

/** A call that waits for a session. */
export interface Waiter {
  begin(session: Session): void;
  /** @param error is marked `neverSent`, or a refusal as overloaded */
  fail(refusal: Refusal): void;
}

/** Why a call gets no session. */
export type Refusal =
  | { readonly why: 'closed' | 'full' }
  | { readonly why: 'unreachable'; readonly cause: Error | undefined; readonly retryAfterMs: number | undefined };

/** The pause before attempt n + 2 to connect is random, up to `baseMs × (2^n − 1)`: none after the first failure. */
const BACKOFF = { baseMs: 50, maxMs: 1_000 } as const;
/** When a full queue has room again: most calls take less. */
const FULL_RETRY_MS = 100;
/**
 * Sessions that no longer take calls and end with their last one: a server that asks its clients to reconnect every few minutes leaves one
 * behind each time, for as long as a stream lasts.
 */
const LEAVING_MAX = 50;

/** The sessions to one peer. A call takes the first one with room; while none has, it waits, and another session is opened. */
export class SessionPool {
  readonly #target: Target;
  readonly #limits: PoolLimits;
  readonly #random: () => number;
  readonly #sessions = new Set<Session>();
  readonly #waiting = new Set<Waiter>();
  readonly #allClosed = Promise.withResolvers<void>();
  /** Sessions in a row that ended before they carried an answer. */
  #failures = 0;
  #retryAt = 0;
  #lastFailure: Error | undefined;
  #isServing = false;
  #isClosed = false;

  constructor(target: Target, limits: PoolLimits, random: () => number) {
    this.#target = target;
    this.#limits = limits;
    this.#random = random;
  }

  enter(waiter: Waiter): void {
    if (this.#isClosed) waiter.fail({ why: 'closed' });
    else if (this.#waiting.size >= this.#limits.waitingMax) waiter.fail({ why: 'full' });
    else {
      this.#waiting.add(waiter);
      this.#serve();
    }
  }

  /** For a call that ends while it waits. */
  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#refuseAll({ why: 'closed' });
    for (const session of this.#sessions) session.destroy();
    if (this.#sessions.size > 0) await this.#allClosed.promise;
  }

  /** A call may end within `begin`; the flag prevents recursion as deep as the queue. */
  #serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    for (const waiter of this.#waiting) {
      const session = this.#free();
      if (!session) break;
      this.#waiting.delete(waiter);
      waiter.begin(session);
    }
    this.#isServing = false;
    if (this.#waiting.size > 0) this.#open();
  }

  #free(): Session | undefined {
    for (const session of this.#sessions) if (session.hasRoom) return session;
    return undefined;
  }

  /** One at a time, so that a burst of calls opens no more sessions than it fills. */
  #open(): void {
    const sessions = [...this.#sessions];
    const leaving = sessions.filter(({ isOver }) => isOver).length;
    if (leaving >= LEAVING_MAX || sessions.length - leaving >= this.#limits.sessionsMax) return;
    if (sessions.some(({ isOpening }) => isOpening)) return;
    const pauseMs = this.#retryAt - performance.now();
    if (pauseMs > 0) {
      this.#unreachable(pauseMs);
      return;
    }
    try {
      const session: Session = new Session(this.#target, this.#limits, {
        changed: () => this.#serve(),
        closed: () => this.#closed(session),
      });
      this.#sessions.add(session);
    } catch (error) {
      // Certificates that cannot be used.
      this.#backOff(error as Error);
      this.#unreachable(undefined);
    }
  }

  #closed(session: Session): void {
    this.#sessions.delete(session);
    if (session.heard > 0) this.#failures = 0;
    else this.#backOff(session.failure);
    if (this.#isClosed) {
      if (this.#sessions.size === 0) this.#allClosed.resolve();
    } else if (session.heard > 0) this.#serve();
    else this.#unreachable(undefined);
  }

  #backOff(failure: Error | undefined): void {
    const { baseMs, maxMs } = BACKOFF;
    this.#retryAt = performance.now() + this.#random() * Math.min(maxMs, baseMs * (2 ** this.#failures - 1));
    this.#failures += 1;
    this.#lastFailure = failure;
  }

  /** No session can be opened. Calls still wait where another one will have room. */
  #unreachable(retryAfterMs: number | undefined): void {
    if ([...this.#sessions].every(({ isOver }) => isOver)) {
      this.#refuseAll({ why: 'unreachable', cause: this.#lastFailure, retryAfterMs });
    }
  }

  #refuseAll(refusal: Refusal): void {
    const refused = [...this.#waiting];
    this.#waiting.clear();
    for (const waiter of refused) waiter.fail(refusal);
  }
}

/** The error of a call that got no session. */
export function refusalError(refusal: Refusal, peer: string): RpcError {
  switch (refusal.why) {
    case 'closed':
      return new RpcError('unavailable', `The client of ${peer} is closed`, { neverSent: true });
    case 'full':
      // Not `neverSent`, because the queue of this client says nothing against the peer.
      return new RpcError('unavailable', `Too many calls wait for ${peer}`, {
        reason: OVERLOADED,
        retryAfterMs: FULL_RETRY_MS,
      });
    case 'unreachable': {
      const { cause, retryAfterMs } = refusal;
      const pause = retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(retryAfterMs) };
      return new RpcError('unavailable', `${peer} cannot be reached`, { cause, neverSent: true, ...pause });
    }
  }
}
