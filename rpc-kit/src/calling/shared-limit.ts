import { abortReason, onAbort, raceSignal, startDeadline } from '../deadline.ts';
import { RpcError, toRpcError } from '../rpc-error.ts';
import { checkWhole, LIMIT } from '../schema/whole-number.ts';
import { outsideCalls } from '../telemetry/log-scope.ts';
import { notify } from '../telemetry/notify.ts';
import type { Limiter, Token } from './token-bucket.ts';
import { createMemoryTokenStore, type LeasedTokens, type TokenLease, type TokenStore } from './token-store.ts';

/** The rate of `createSharedLimit`, its store, and what happens while the store fails. */
export interface SharedLimitOptions {
  readonly store: TokenStore;
  /** Limits with the same name and the same store share their tokens. */
  readonly name: string;
  /** Uses that may start in an interval, on average. */
  readonly tokens: number;
  readonly intervalMs: number;
  /** Uses that may start at once after an idle time. Default: `tokens`. */
  readonly burst?: number;
  /** Tokens that a replica leases at a time. Default: a tenth of `tokens`. */
  readonly block?: number;
  /** Callers of this replica that may wait for a token at a time; one more is refused at once. */
  readonly waitersMax: number;
  /** Until an answer of the store counts as its failure. */
  readonly storeTimeoutMs?: number;
  /**
   * `limit-alone`: each replica grants the whole limit by itself, so all of them together that many times as much. `refuse`: no call
   * is granted.
   */
  readonly whenStoreFails?: 'limit-alone' | 'refuse';
  readonly on?: Partial<SharedLimitEvents>;
}

/** What `createSharedLimit` reports. */
export interface SharedLimitEvents {
  /** The store answered; it granted 0 where the limit is reached. */
  leased(event: { readonly name: string; readonly granted: number }): void;
  storeFailed(event: { readonly name: string; readonly error: RpcError }): void;
}

/** Disposing a token does nothing: it is used up. */
export interface SharedLimit extends Limiter {
  /** A token, unless the limit is reached; it waits for the store, but for no other caller's token. */
  tryTake(): Promise<Token | undefined>;
  /** Tokens that this replica grants without asking the store. */
  readonly available: number;
  /** Milliseconds until the store may have a token, as far as this replica knows. */
  readonly backInMs: number;
}

/** A block is a tenth of the limit, so a replica at the limit asks the store about ten times an interval. */
const BLOCK_SHARE = 0.1;

const DEFAULTS = {
  // A store answers in a few milliseconds; the wait is added to a call.
  storeTimeoutMs: 250,
  whenStoreFails: 'limit-alone',
} as const satisfies Partial<SharedLimitOptions>;

/** A store that failed is not asked for this long, so that not each call waits for its timeout. */
const STORE_PAUSE_MS = 1_000;
/** Without it, a fast limit would ask the store for each single token that returns. */
const EMPTY_MS_MIN = 20;
/** Spreads the questions of replicas that wait for the same token. */
const JITTER_MS = 10;
/** Callers that wait for the answer of the store, besides those that may wait for a token. */
const ASKING_MAX = 1_000;

const TOKEN: Token = { [Symbol.dispose]() {} };

interface Waiter {
  /** Waits for the next token where the bucket is empty. */
  readonly isPatient: boolean;
  readonly grant: () => void;
  readonly refuse: (error: RpcError) => void;
}

/**
 * A limit that replicas share. Each leases a block of tokens from the store and spends it without asking; it asks again when the block
 * is used up, one question at a time. Tokens of a block that are not used within an interval expire.
 *
 * In any window of `w` milliseconds, all replicas together start at most `tokens × w / intervalMs + burst + replicas × block` uses:
 * what the store gained and held, and the blocks that were leased before. For a callee that allows no burst at all, see
 * `createTokenBucket`.
 *
 * @throws {RangeError} when an option is outside its range
 */
export function createSharedLimit(options: SharedLimitOptions): SharedLimit {
  const { tokens } = options;
  const defaults = { ...DEFAULTS, burst: tokens, block: Math.max(1, Math.floor(tokens * BLOCK_SHARE)) };
  const ranges = { tokens: LIMIT, intervalMs: LIMIT, burst: LIMIT, block: LIMIT, storeTimeoutMs: LIMIT };
  const checked = checkWhole({ ...defaults, ...options }, { ...ranges, waitersMax: { ...LIMIT, min: 0 } });
  return new LeasedLimit(checked);
}

type CheckedOptions = Required<Omit<SharedLimitOptions, 'on'>> & Pick<SharedLimitOptions, 'on'>;

class LeasedLimit implements SharedLimit {
  readonly #options: CheckedOptions;
  readonly #lease: TokenLease;
  /** Grants tokens while the shared store fails. */
  #own: ReturnType<typeof createMemoryTokenStore> | undefined;
  readonly #waiters = new Set<Waiter>();
  #tokens = 0;
  #tokensExpireAt = 0;
  /** The bucket has no token before. */
  #emptyUntil = 0;
  /** The store is not asked before. */
  #failedUntil = 0;
  #isServing = false;

  constructor(options: CheckedOptions) {
    const { name, tokens, intervalMs, burst, block } = options;
    const perSecond = (tokens / intervalMs) * 1_000;
    this.#options = options;
    this.#lease = { bucket: name, wanted: Math.min(block, burst), capacity: burst, perSecond };
  }

  async take(signal?: AbortSignal): Promise<Token> {
    if (signal?.aborted) throw abortReason(signal);
    if (this.#waiters.size === 0 && this.#spend()) return TOKEN;
    const { waitersMax } = this.#options;
    const roomFor = this.backInMs > 0 ? waitersMax : waitersMax + ASKING_MAX;
    if (this.#waiters.size >= roomFor) throw this.#refusal();
    return this.#wait(true, signal);
  }

  async tryTake(): Promise<Token | undefined> {
    if (this.#waiters.size === 0 && this.#spend()) return TOKEN;
    if (this.backInMs > 0 || this.#waiters.size >= ASKING_MAX) return undefined;
    return this.#wait(false).catch((error: unknown) => {
      if (error instanceof RpcError && error.code === 'resource_exhausted') return undefined;
      throw error;
    });
  }

  get available(): number {
    return this.#tokens > 0 && performance.now() < this.#tokensExpireAt ? this.#tokens : 0;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  get backInMs(): number {
    return this.available > 0 ? 0 : Math.max(0, this.#emptyUntil - performance.now());
  }

  get #isStoreDown(): boolean {
    return performance.now() < this.#failedUntil;
  }

  #spend(): boolean {
    if (this.available === 0) return false;
    this.#tokens -= 1;
    return true;
  }

  #wait(isPatient: boolean, signal?: AbortSignal): Promise<Token> {
    const { promise, resolve, reject } = Promise.withResolvers<Token>();
    const settled = (): void => {
      this.#waiters.delete(waiter);
      unfollow?.();
    };
    const waiter: Waiter = {
      isPatient,
      grant() {
        settled();
        resolve(TOKEN);
      },
      refuse(error) {
        settled();
        reject(error);
      },
    };
    this.#waiters.add(waiter);
    const unfollow = signal && onAbort(signal, () => waiter.refuse(abortReason(signal)));
    // The loop serves all waiters, so it runs in the log scope of none.
    if (!this.#isServing) outsideCalls(() => void this.#serve());
    return promise;
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    while (this.#waiters.size > 0) {
      for (const waiter of this.#waiters) {
        if (!this.#spend()) break;
        waiter.grant();
      }
      if (this.#waiters.size === 0) break;
      if (this.#isStoreDown && this.#options.whenStoreFails === 'refuse') this.#refuseAll();
      else if (this.backInMs === 0) await this.#ask();
      else await this.#waitForToken();
    }
    this.#isServing = false;
  }

  /** Leases a block, or finds that the bucket is empty or that the store fails. */
  async #ask(): Promise<void> {
    const { name, store, storeTimeoutMs, on } = this.#options;
    if (this.#isStoreDown) {
      this.#own ??= createMemoryTokenStore();
      this.#keep(await this.#own.lease(this.#lease));
      return;
    }
    using deadline = startDeadline(storeTimeoutMs);
    const { signal } = deadline;
    try {
      const leased = await raceSignal(store.lease(this.#lease, { signal }), signal);
      this.#keep(leased);
      notify(on?.leased, { name, granted: leased.granted });
    } catch (error) {
      this.#failedUntil = performance.now() + STORE_PAUSE_MS;
      notify(on?.storeFailed, { name, error: toRpcError(error) });
    }
  }

  #keep({ granted, retryAfterMs }: LeasedTokens): void {
    const { intervalMs } = this.#options;
    const now = performance.now();
    // A store may be wrong: more than the block would break the bound, and no number would be asked for again at once.
    this.#tokens = granted >= 1 ? Math.min(Math.floor(granted), this.#lease.wanted) : 0;
    this.#tokensExpireAt = now + intervalMs;
    // A bucket gains a token in an interval at the latest.
    const emptyMs = Math.min(retryAfterMs > EMPTY_MS_MIN ? retryAfterMs : EMPTY_MS_MIN, intervalMs);
    this.#emptyUntil = this.#tokens === 0 ? now + emptyMs : 0;
  }

  /** The bucket is empty: the first to come may wait, up to `waitersMax`. */
  async #waitForToken(): Promise<void> {
    let waiting = 0;
    for (const waiter of this.#waiters) {
      if (waiter.isPatient && waiting < this.#options.waitersMax) waiting += 1;
      else waiter.refuse(this.#refusal());
    }
    if (waiting > 0) await sleep(this.backInMs + Math.random() * JITTER_MS);
  }

  #refuseAll(): void {
    const retryAfterMs = Math.max(1, Math.ceil(this.#failedUntil - performance.now()));
    const message = 'The limit of this call cannot be checked right now';
    for (const waiter of this.#waiters) waiter.refuse(new RpcError('unavailable', message, { retryAfterMs }));
  }

  #refusal(): RpcError {
    const retryAfterMs = Math.max(1, Math.ceil(this.backInMs));
    const message = this.#options.waitersMax === 0 ? 'There are too many calls' : 'Too many calls wait for their turn';
    return new RpcError('resource_exhausted', message, { retryAfterMs });
  }
}

/** The timer does not keep the process alive. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.min(ms, LIMIT.max)).unref();
  });
}
