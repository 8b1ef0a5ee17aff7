import { pino } from 'pino';
import { Registry } from 'prom-client';
import { fixedLimit, RpcError } from 'rpc-kit';
import { type AppParts, createApp } from '../src/app.ts';
import type { Person } from '../src/auth/access-tokens.ts';
import { createCursors } from '../src/cursors.ts';
import { createRateLimit } from '../src/limits/rate-limits.ts';
import { type Answered, type Asked, ask } from './ask.ts';
import { type Fakes, fakeServices } from './fake-services.ts';

const PEOPLE: Readonly<Record<string, Person>> = {
  anna: { user: 1n, role: 'user', sessionID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01' },
  boris: { user: 2n, role: 'user', sessionID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a02' },
  admin: { user: 3n, role: 'admin', sessionID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a03' },
};

/** A token is the name of the person. */
export const tokens = {
  async verify(token: string): Promise<Person> {
    const person = PEOPLE[token];
    if (person) return person;
    throw new RpcError('unauthenticated', 'The access token is not valid');
  },
};

export interface Gateway extends AsyncDisposable {
  readonly url: string;
  /** The calls of services in their order. */
  readonly calls: string[];
  /** Everything that was logged, as JSON lines. */
  readonly log: string[];
  readonly registry: Registry;
  ask(path: string, asked?: Asked): Promise<Answered>;
}

export const GENEROUS = { address: 100_000, auth: 100_000, user: 100_000 };

/** The gateway over HTTP, on services in this process. Unless a fake says otherwise, accounts grants every token of a limit. */
export async function openGateway(
  fakes: Fakes,
  { rates = GENEROUS, ...parts }: Partial<AppParts> & { rates?: typeof GENEROUS } = {},
): Promise<Gateway> {
  const { services, calls } = fakeServices({
    ...fakes,
    accounts: { leaseTokens: async ({ wanted }) => ({ granted: wanted, retryAfterMs: 0 }), ...fakes.accounts },
  });
  const log: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void log.push(line) });
  const registry = new Registry();
  const limit = (name: keyof typeof GENEROUS) =>
    createRateLimit({ name, perMinute: rates[name] }, services.accounts, { logger, registry });
  const app = await createApp({
    services,
    tokens,
    limits: { address: limit('address'), auth: limit('auth'), user: limit('user') },
    concurrency: fixedLimit(1_000),
    passwordCalls: fixedLimit(1_000),
    cursors: createCursors('a secret of the tests, 32 characters'),
    host: '127.0.0.1',
    publicUrl: 'https://shop.example',
    logger,
    registry,
    ...parts,
  });
  const { url } = await app.listen(0);
  return {
    url,
    calls,
    log,
    registry,
    ask: (path, asked) => ask(url, path, asked),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
