import sinon, { type SinonStub } from 'sinon';
import type { AttemptLimits } from '../src/domain/attempts.ts';
import type { LoginParts } from '../src/domain/login.ts';
import type {
  Audit,
  Credentials,
  HashPlace,
  LoginFailures,
  Passwords,
  Repositories,
  Sessions,
  Store,
  UserReader,
  Users,
} from '../src/domain/ports.ts';

type Stubbed<Port> = {
  [K in keyof Port]: Port[K] extends (...args: infer Args) => infer Result ? SinonStub<Args, Result> : Port[K];
};

export const AT = new Date('2026-11-20T09:00:00.000Z');
export const PASSWORD = 'a walk along the river';
export const NETWORK = '192.0.2.7';

export const ANNA: Credentials = {
  user: 1n,
  email: 'anna@shop.example',
  role: 'user',
  createdAt: AT,
  disabled: false,
  passwordHash: `hash of ${PASSWORD}`,
  passwordChangedAt: AT,
};

/** Anna after a change of the password. */
export const CHANGED_ANNA: Credentials = {
  ...ANNA,
  passwordHash: 'hash of another one',
  passwordChangedAt: new Date(AT.getTime() + 1),
};

/** Failures in memory, on a clock that only the test moves. */
export class FailuresInMemory implements LoginFailures {
  now = 0;
  readonly rows = new Map<string, { count: number; nextAt: number; forgetAt: number }>();

  async has(key: string): Promise<boolean> {
    return (this.rows.get(key)?.forgetAt ?? 0) > this.now;
  }

  async lock(keys: readonly string[]) {
    return keys.map((key) => {
      const { count = 0, nextAt = 0, forgetAt = 0 } = this.rows.get(key) ?? {};
      return { key, count: forgetAt > this.now ? count : 0, waitMs: Math.max(0, nextAt - this.now) };
    });
  }

  async save(...[attempts, keptMs]: Parameters<LoginFailures['save']>): Promise<void> {
    for (const { key, count, delayMs } of attempts) {
      const before = this.rows.get(key)?.forgetAt ?? 0;
      const forgetAt = before > this.now ? before : this.now + keptMs;
      this.rows.set(key, { count, nextAt: this.now + delayMs, forgetAt });
    }
  }

  async mark(key: string, keptMs: number): Promise<void> {
    this.rows.set(key, { count: 0, nextAt: 0, forgetAt: this.now + keptMs });
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.rows.delete(key);
  }
}

/** Ports for tests of the domain. Anna has an account, and everything else goes well. */
export interface StubbedPorts {
  readonly users: Stubbed<Users>;
  readonly reader: Stubbed<UserReader>;
  readonly audit: Stubbed<Audit>;
  readonly sessions: Stubbed<Pick<Sessions, 'start' | 'endAll'>>;
  readonly failures: FailuresInMemory;
  readonly place: Stubbed<Pick<HashPlace, 'hash' | 'verify'>>;
  readonly passwords: Stubbed<Passwords>;
  readonly store: Store;
  readonly limits: AttemptLimits;
  readonly parts: LoginParts;
  readonly signal: AbortSignal;
}

export function stubPorts(): StubbedPorts {
  const users: Stubbed<Users> = {
    create: sinon.stub(),
    lock: sinon.stub(),
    lockWithAdmins: sinon.stub(),
    setPasswordHash: sinon.stub(),
    setRole: sinon.stub(),
    disable: sinon.stub(),
  };
  users.create.callsFake(async ({ email, role }) => ({ ...ANNA, email, role }));
  users.lock.resolves(ANNA);
  const reader: Stubbed<UserReader> = { find: sinon.stub(), findByEmailKey: sinon.stub(), list: sinon.stub() };
  reader.find.resolves(ANNA);
  reader.findByEmailKey.callsFake(async (key) => (key === ANNA.email ? ANNA : undefined));
  const audit: Stubbed<Audit> = { add: sinon.stub() };
  const sessions = { start: sinon.stub(), endAll: sinon.stub() } as StubbedPorts['sessions'];
  sessions.start.resolves({ sessionID: 'a session', counter: 1 });
  const place: StubbedPorts['place'] = { hash: sinon.stub(), verify: sinon.stub() };
  place.hash.callsFake(async (password) => `hash of ${password}`);
  place.verify.callsFake(async (hash, password) => hash === `hash of ${password}`);
  const passwords: Stubbed<Passwords> = {
    enter: sinon.stub(),
    isOutdated: sinon.stub(),
    problemOf: sinon.stub(),
    lengthMin: 15,
  };
  passwords.enter.callsFake(() => ({ ...place, [Symbol.dispose]() {} }));
  const failures = new FailuresInMemory();
  const repositories = { users, audit, sessions, loginFailures: failures } as unknown as Repositories;
  const store: Store = { transaction: (work) => work(repositories) };
  const limits: AttemptLimits = { addressFree: 100 };
  const parts = {
    store,
    users: reader,
    passwords,
    limits,
    accessTokens: { sign: async () => ({ accessToken: 'an access token', expiresIn: 300 }) },
    refreshTokens: { mint: () => 'a refresh token', read: () => undefined },
  };
  const { signal } = new AbortController();
  return { users, reader, audit, sessions, failures, place, passwords, store, limits, parts, signal };
}
