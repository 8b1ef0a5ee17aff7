import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { RpcError } from 'rpc-kit';
import type { Exchange } from './exchange.ts';

interface Tokens {
  readonly user: { readonly id: bigint };
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly refreshToken: string;
}

/** A registered person with one session. */
export interface Account {
  readonly user: bigint;
  /** Kept out of every log: Y3 looks for it. */
  readonly secrets: readonly string[];
  /** The access token. Refreshed before it expires. */
  token(): Promise<string>;
  /** Exchanges the refresh token now. Both windows may ask at once: one exchange serves them. */
  refresh(): Promise<void>;
  /** Starts another session, e.g. after the role has changed. */
  login(): Promise<void>;
  logout(): Promise<void>;
}

/** Refreshed so long before the end that no request carries an expired token. */
const REFRESH_BEFORE_MS = 30_000;
/** The gateway limits registrations of one address. A mesh that admits none within this time is broken. */
const ADMITTED_WITHIN_MS = 120_000;
const PAUSE_MS = 1_000;
/** A hash waits for others under load. */
const TIMEOUT_MS = 10_000;
const PASSWORD_BYTES = 18;

export async function registerAccount(exchange: Exchange, email: string): Promise<Account> {
  const credentials = { email, password: randomBytes(PASSWORD_BYTES).toString('base64url') };
  const post = (path: string, body: unknown) =>
    exchange({ method: 'POST', path: `/auth/${path}`, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  const obtain = async (path: string, body: unknown) => toSession((await post(path, body)) as Tokens);
  const first = await whenAdmitted(() => obtain('register', credentials));
  let session = first;
  let refreshing: Promise<void> | undefined;

  function refresh(): Promise<void> {
    refreshing ??= obtain('refresh', { refreshToken: session.refreshToken })
      .then((next) => {
        session = next;
      })
      .finally(() => {
        refreshing = undefined;
      });
    return refreshing;
  }

  return {
    user: first.user,
    secrets: [credentials.password],
    refresh,
    async token() {
      if (performance.now() > session.expiresAt - REFRESH_BEFORE_MS) await refresh();
      return session.accessToken;
    },
    async login() {
      session = await whenAdmitted(() => obtain('login', credentials));
    },
    async logout() {
      await post('logout', { refreshToken: session.refreshToken });
    },
  };
}

function toSession({ user, accessToken, expiresIn, refreshToken }: Tokens) {
  return { user: BigInt(user.id), accessToken, refreshToken, expiresAt: performance.now() + expiresIn * 1_000 };
}

/** Calls again after the pause that the gateway asks for. */
async function whenAdmitted<T>(call: () => Promise<T>): Promise<T> {
  const until = performance.now() + ADMITTED_WITHIN_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isBusy = error instanceof RpcError && (error.code === 'resource_exhausted' || error.code === 'unavailable');
      if (!isBusy || performance.now() > until) throw error;
      await sleep(error.retryAfterMs ?? PAUSE_MS);
    }
  }
}
