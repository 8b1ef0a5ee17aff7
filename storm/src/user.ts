import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import { type Client, CODES, type Limiter } from 'rpc-kit';
import { type RecordedCall, type RecordedClient, type Recording, recordCalls } from './recorder.ts';

/** Makes one call after the other. */
export interface Window {
  readonly checkout: RecordedClient<typeof checkout.methods>;
  readonly loms: RecordedClient<typeof loms.methods>;
  readonly products: RecordedClient<typeof products.methods>;
  readonly notifications: RecordedClient<Pick<typeof notifications.methods, 'history'>>;
}

/** A customer with two windows, for calls that are made twice or at once. */
export interface User extends Window {
  readonly id: bigint;
  /** Another user's id, not used elsewhere, for a call with this user's idempotency key. */
  readonly stranger: bigint;
  readonly secondWindow: Window;
  /** An idempotency key that is unique over all runs. */
  newKey(): string;
  /** A sku for a new product, unique over the runs of some days. */
  newSku(): number;
  /** Exchanges the tokens of the session; nothing without one. */
  renewTokens(): Promise<void>;
}

export interface Clients {
  readonly checkout: Client<typeof checkout.methods>;
  readonly loms: Client<typeof loms.methods>;
  readonly products: Client<typeof products.methods>;
  readonly notifications: Client<typeof notifications.methods>;
}

/** The ids of a user, and the user of each access token. */
export interface Person {
  readonly id: bigint;
  readonly stranger: bigint;
  readonly actsFor?: Recording['actsFor'];
  renewTokens(): Promise<void>;
}

export interface StormContext {
  readonly limiter: Limiter;
  /** Ends the storm: no user makes another call. */
  readonly over: AbortSignal;
  record(call: RecordedCall): void;
}

/** Ids of one run. They are never used again, since a user of an earlier run may have goods in the cart. */
export interface RunIds {
  readonly run: string;
  readonly firstUser: bigint;
  readonly firstSku: number;
}

/** Ids for the users of one run and their strangers; the ids of a run that starts a millisecond later follow. */
const USERS_PER_RUN = 10_000n;
const STRANGERS_FROM = 5_000n;
/** Above the skus of the catalogue. Each second has a thousand skus; after a million seconds they start again. */
const SKUS = { first: 3_000_000_000, perSecond: 1_000, seconds: 1_000_000 } as const;
/** The pause of a careful client after an overload without retry-after. */
const PAUSE_MS = 200;
/** The longest pause, whatever retry-after says: the storm has to keep up its load. */
const PAUSE_MAX_MS = 1_000;

export function createRunIds(startedAt: Date): RunIds {
  const run = startedAt.toISOString().replaceAll(/[:.]/g, '-');
  const second = Math.floor(startedAt.getTime() / 1_000) % SKUS.seconds;
  const firstSku = SKUS.first + second * SKUS.perSecond;
  return { run, firstUser: BigInt(startedAt.getTime()) * USERS_PER_RUN, firstSku };
}

/** A person of the services' faces, who needs no account. */
function createPerson(index: number, { firstUser }: RunIds): Person {
  return {
    id: firstUser + BigInt(index),
    stranger: firstUser + STRANGERS_FROM + BigInt(index),
    renewTokens: async () => {},
  };
}

export function createUser(
  index: number,
  ids: RunIds,
  clients: Clients,
  context: StormContext,
  person = createPerson(index, ids),
): User {
  const name = `user-${index + 1}`;
  let keys = 0;
  let skus = 0;
  return {
    ...openWindow(`${name}a`, clients, person, context),
    secondWindow: openWindow(`${name}b`, clients, person, context),
    id: person.id,
    stranger: person.stranger,
    renewTokens: () => person.renewTokens(),
    newKey: () => `storm-${ids.run}-${name}-${++keys}`,
    newSku: () => ids.firstSku + skus++,
  };
}

function openWindow(
  name: string,
  clients: Clients,
  { actsFor }: Person,
  { limiter, over, record }: StormContext,
): Window {
  let pausedUntil = 0;
  const caller: Recording = {
    name,
    ...(actsFor && { actsFor }),
    async before() {
      const pauseMs = pausedUntil - performance.now();
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: over });
      (await limiter.take(over))[Symbol.dispose]();
      over.throwIfAborted();
    },
    record(call: RecordedCall) {
      pausedUntil = performance.now() + pauseAfter(call.outcome);
      record(call);
    },
  };
  return {
    checkout: recordCalls(checkout, clients.checkout, caller),
    loms: recordCalls(loms, clients.loms, caller),
    products: recordCalls(products, clients.products, caller),
    notifications: recordCalls(notifications, clients.notifications, caller),
  };
}

function pauseAfter(outcome: RecordedCall['outcome']): number {
  if (outcome.result !== 'info' || CODES[outcome.code].retry !== 'after-pause') return 0;
  return Math.min(outcome.retryAfterMs ?? PAUSE_MS, PAUSE_MAX_MS);
}
