import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { RpcError } from 'rpc-kit';
import { startBackground } from 'service-kit';
import { type AccountState, type AccountsClient, createAccountState, NEWS_AGE_MAX_MS } from './account-state.ts';
import { type CheckedToken, checkToken, type Person } from './check-token.ts';

export type { Person } from './check-token.ts';

export interface AccessTokenOptions {
  readonly accounts: AccountsClient;
  /** The TOKEN_ISSUER and TOKEN_AUDIENCE of accounts. */
  readonly issuer: string;
  readonly audience: string;
  readonly logger: Logger;
  readonly registry: Registry;
}

export interface AccessTokens extends AsyncDisposable {
  /**
   * @throws {RpcError} unauthenticated, with one message whatever is wrong with the token; unavailable while accounts could
   * not say for a while which sessions have ended
   */
  verify(token: string): Promise<Person>;
}

/**
 * Requests with tokens read the news themselves. Without any, this reading keeps it young enough for the first token to be accepted
 * during a restart of accounts that takes up to 40 s.
 */
const NEWS_IDLE_MS = 20_000;
const RETRY_AFTER_MS = 1_000;
/** Tokens of as many clients, at a few hundred bytes each. */
const CACHED_MAX = 20_000;

const OUTCOMES = ['valid', 'invalid', 'ended', 'unavailable'] as const;
type Outcome = (typeof OUTCOMES)[number];

/** Verifies access tokens by the keys and the ended sessions of accounts, which it reads every 0.7 s while tokens come. */
export function openAccessTokens(options: AccessTokenOptions): AccessTokens {
  const { accounts, logger, registry } = options;
  const state = createAccountState({ accounts });
  const news = startBackground({
    name: 'read ended sessions',
    logger,
    registry,
    idleMs: NEWS_IDLE_MS,
    async round(signal) {
      await state.readNews(signal);
      return false;
    },
  });
  return {
    verify: createVerifier({ ...options, state, onOutcome: countOutcomes(registry, state) }),
    [Symbol.asyncDispose]: () => news[Symbol.asyncDispose](),
  };
}

export interface VerifierOptions {
  readonly state: Pick<AccountState, 'ageMs' | 'findKey' | 'hasKey' | 'isEnded' | 'refresh'>;
  readonly issuer: string;
  readonly audience: string;
  readonly onOutcome?: (outcome: Outcome) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Signatures are verified once for each token. Its expiry, key and session are checked at each use. */
export function createVerifier({ state, issuer, audience, onOutcome = () => {}, now = Date.now }: VerifierOptions) {
  const rules = { findKey: state.findKey, issuer, audience, now };
  // By hash: a heap dump must not hold usable tokens.
  const checked = new LRUCache<string, CheckedToken>({ max: CACHED_MAX });

  async function check(token: string): Promise<CheckedToken | undefined> {
    const key = hash('sha256', token, 'base64');
    const known = checked.get(key);
    if (known) {
      if (known.expiresAt > now() && state.hasKey(known.kid)) return known;
      checked.delete(key);
      return undefined;
    }
    const fresh = await checkToken(token, rules).catch(() => undefined);
    if (fresh) checked.set(key, fresh);
    return fresh;
  }

  async function judge(token: string): Promise<Outcome | Person> {
    const news = state.refresh();
    if (news) await news;
    if (state.ageMs > NEWS_AGE_MAX_MS) return 'unavailable';
    const found = await check(token);
    if (!found) return 'invalid';
    return state.isEnded(found.person.sessionID) ? 'ended' : found.person;
  }

  return async (token: string): Promise<Person> => {
    const judged = await judge(token);
    onOutcome(typeof judged === 'string' ? judged : 'valid');
    if (typeof judged !== 'string') return judged;
    if (judged === 'unavailable') {
      throw new RpcError('unavailable', 'Access tokens cannot be checked right now', {
        retryAfterMs: RETRY_AFTER_MS,
        neverSent: true,
      });
    }
    throw new RpcError('unauthenticated', 'The access token is not valid');
  };
}

function countOutcomes(registry: Registry, state: AccountState): (outcome: Outcome) => void {
  const tokens = new Counter({
    name: 'access_tokens_total',
    help: 'Access tokens of requests: valid, invalid, ended (the session has ended), unavailable (accounts is unavailable).',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of OUTCOMES) tokens.inc({ outcome }, 0);
  const openedAt = Date.now();
  new Gauge({
    name: 'ended_sessions_age_seconds',
    help: `Age of the list of ended sessions; beyond ${NEWS_AGE_MAX_MS / 1_000} s no access token is accepted.`,
    registers: [registry],
    collect() {
      this.set(Math.min(state.ageMs, Date.now() - openedAt) / 1_000);
    },
  });
  return (outcome) => tokens.inc({ outcome });
}
