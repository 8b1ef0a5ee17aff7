import type { accounts } from 'accounts/contract.ts';
import { ACCESS_TOKEN } from 'accounts/contract.ts';
import { type CryptoKey, importJWK } from 'jose';
import type { Client } from 'rpc-kit';

export type AccountsClient = Pick<Client<typeof accounts.methods>, 'jwks' | 'revokedSince'>;

export interface AccountStateOptions {
  readonly accounts: AccountsClient;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** What accounts said last: the keys that verify access tokens, and the sessions that ended while such tokens live. */
export interface AccountState {
  /** Reads what is new. Callers that overlap share one reading. A failed reading keeps what was read before. */
  readNews(signal?: AbortSignal): Promise<void>;
  /**
   * Before a token is judged: starts a reading unless one began a moment ago.
   * @returns the reading, if the token must be judged after it; it never rejects
   */
  refresh(): Promise<void> | undefined;
  /** The key, which is read from accounts if it is unknown, at most once per cooldown. */
  findKey(kid: string): Promise<CryptoKey | undefined>;
  hasKey(kid: string): boolean;
  isEnded(sessionID: string): boolean;
  /** Milliseconds since the last complete reading began; infinite before the first one, and where the clock has been set back since. */
  readonly ageMs: number;
}

/** Time between the starts of two readings for tokens: a flood of requests costs accounts a call or two in this time. */
const PACE_MS = 700;
/**
 * A token is judged by news that is younger. The promise is to refuse an ended session within two seconds, which leaves time for the reading.
 * Twice the pace: steady requests never wait, because each reading starts before the last one is too old.
 */
const FRESH_MS = 1_400;
/** While readings fail, older news still judges tokens for this long: accounts may restart within it. Beyond it, an ended session would stay open for too long. */
export const NEWS_AGE_MAX_MS = 60_000;
/** A reading also reads the keys if they are older, so a key that an operator removes is refused soon. */
const KEYS_MAX_AGE_MS = 5_000;
/** A flood of unknown kids costs accounts one call in this time. New keys are published long before they sign. */
const KEYS_COOLDOWN_MS = 1_000;
/** The thumbprint of a key (RFC 7638), which is what accounts uses. */
const KID = /^[\w-]{43}$/;
/**
 * Each ended session began with a login, whose hash takes 40 ms: four cores make 36,000 in the six minutes of a revocation.
 * More than this is a fault, and refusing service is safer than forgetting one.
 */
const ENDED_MAX = 200_000;

export function createAccountState({ accounts: client, now = Date.now }: AccountStateOptions): AccountState {
  let keys: ReadonlyMap<string, CryptoKey> = new Map();
  let keysAskedAt = Number.NEGATIVE_INFINITY;
  let keysReadAt = Number.NEGATIVE_INFINITY;
  let readingKeys: Promise<void> | undefined;
  let seq = 0n;
  let reading: Promise<void> | undefined;
  let startedAt = Number.NEGATIVE_INFINITY;
  let freshAt = Number.NEGATIVE_INFINITY;
  let hasFailed = false;
  /** When each ended session may be forgotten, ascending almost everywhere. */
  const ended = new Map<string, number>();

  async function fetchKeys(): Promise<void> {
    const askedAt = now();
    keysAskedAt = askedAt;
    const { keys: jwks } = await client.jwks({});
    const known = keys;
    const entries = jwks.map(async (jwk): Promise<[string, CryptoKey]> => {
      const { kid } = jwk;
      // The kid is made of the key, so an equal kid is the same key.
      return [kid, known.get(kid) ?? ((await importJWK(jwk, ACCESS_TOKEN.alg)) as CryptoKey)];
    });
    keys = new Map(await Promise.all(entries));
    keysReadAt = askedAt;
  }

  /** Callers that overlap share one call. */
  function readKeys(): Promise<void> {
    readingKeys ??= fetchKeys().finally(() => {
      readingKeys = undefined;
    });
    return readingKeys;
  }

  async function readEnded(signal?: AbortSignal): Promise<void> {
    forgetPast();
    for (let isComplete = false; !isComplete; ) {
      const page = await client.revokedSince({ seq }, signal ? { signal } : {});
      for (const { sessionID, until } of page.revocations) ended.set(sessionID, until.getTime());
      ({ seq, complete: isComplete } = page);
      if (ended.size > ENDED_MAX) throw new Error(`More than ${ENDED_MAX} sessions ended within minutes`);
    }
  }

  function forgetPast(): void {
    const at = now();
    for (const [sessionID, until] of ended) {
      if (until > at) return;
      ended.delete(sessionID);
    }
  }

  async function readAll(signal?: AbortSignal): Promise<void> {
    const beganAt = now();
    startedAt = beganAt;
    try {
      await readEnded(signal);
      if (!isWithin(KEYS_MAX_AGE_MS, keysReadAt)) await readKeys();
      freshAt = beganAt;
      hasFailed = false;
    } catch (error) {
      hasFailed = true;
      throw error;
    }
  }

  function readNews(signal?: AbortSignal): Promise<void> {
    reading ??= readAll(signal).finally(() => {
      reading = undefined;
    });
    return reading;
  }

  /** False for a time in the future, too: the clock has been set back. */
  function isWithin(ms: number, at: number): boolean {
    const ageMs = now() - at;
    return ageMs >= 0 && ageMs < ms;
  }

  return {
    readNews,

    refresh() {
      if (isWithin(PACE_MS, freshAt)) return undefined;
      const isUsable = isWithin(hasFailed ? NEWS_AGE_MAX_MS : FRESH_MS, freshAt);
      if (!reading && isWithin(PACE_MS, startedAt)) return undefined;
      const news = readNews().catch(() => {});
      return isUsable ? undefined : news;
    },

    async findKey(kid) {
      if (!KID.test(kid)) return undefined;
      const known = keys.get(kid);
      if (known) return known;
      // During the cooldown, an unknown key waits for a reading in flight only.
      if (readingKeys || !isWithin(KEYS_COOLDOWN_MS, keysAskedAt)) await readKeys().catch(() => {});
      return keys.get(kid);
    },

    hasKey: (kid) => keys.has(kid),
    isEnded: (sessionID) => ended.has(sessionID),
    get ageMs() {
      return isWithin(Number.POSITIVE_INFINITY, freshAt) ? now() - freshAt : Number.POSITIVE_INFINITY;
    },
  };
}
