import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { type Client, CODES, type Limiter } from 'rpc-kit';
import { type RecordedCall, type RecordedClient, recordCalls } from './recorder.ts';

/** Makes one call after the other. */
export interface Window {
  readonly checkout: RecordedClient<typeof checkout.methods>;
  readonly loms: RecordedClient<typeof loms.methods>;
}

/** A customer with two windows open, for what is done twice or at once. */
export interface User extends Window {
  readonly id: bigint;
  /** A user that nobody else plays: who comes with somebody else's idempotency key. */
  readonly stranger: bigint;
  readonly secondWindow: Window;
  /** An idempotency key that nobody has used before, in no run. */
  newKey(): string;
}

export interface Clients {
  readonly checkout: Client<typeof checkout.methods>;
  readonly loms: Client<typeof loms.methods>;
}

export interface Surroundings {
  readonly limiter: Limiter;
  /** Ends the storm: no user begins another call. */
  readonly over: AbortSignal;
  record(call: RecordedCall): void;
}

/** Ids of one run, which never come again: a user of an earlier run may have goods in the cart. */
export interface RunIds {
  readonly run: string;
  readonly firstUser: bigint;
}

/** Room for the users of one run and their strangers below the ids of a run that starts a millisecond later. */
const USERS_PER_RUN = 10_000n;
const STRANGERS_FROM = 5_000n;
/** What careful clients do who are told that there is too much to do, and not until when. */
const REST_MS = 200;
/** A server may say when to come again; a storm that rests longer than this is none. */
const REST_MAX_MS = 1_000;

export function createRunIds(startedAt: Date): RunIds {
  const run = startedAt.toISOString().replaceAll(/[:.]/g, '-');
  return { run, firstUser: BigInt(startedAt.getTime()) * USERS_PER_RUN };
}

export function createUser(index: number, ids: RunIds, clients: Clients, surroundings: Surroundings): User {
  const name = `user-${index + 1}`;
  let keys = 0;
  return {
    ...openWindow(`${name}a`, clients, surroundings),
    secondWindow: openWindow(`${name}b`, clients, surroundings),
    id: ids.firstUser + BigInt(index),
    stranger: ids.firstUser + STRANGERS_FROM + BigInt(index),
    newKey: () => `storm-${ids.run}-${name}-${++keys}`,
  };
}

function openWindow(name: string, clients: Clients, { limiter, over, record }: Surroundings): Window {
  let restUntil = 0;
  const caller = {
    name,
    async before() {
      const restMs = restUntil - performance.now();
      if (restMs > 0) await sleep(restMs, undefined, { signal: over });
      (await limiter.take(over))[Symbol.dispose]();
      over.throwIfAborted();
    },
    record(call: RecordedCall) {
      restUntil = performance.now() + restAfter(call.outcome);
      record(call);
    },
  };
  return {
    checkout: recordCalls(checkout, clients.checkout, caller),
    loms: recordCalls(loms, clients.loms, caller),
  };
}

function restAfter(outcome: RecordedCall['outcome']): number {
  if (outcome.result !== 'info' || CODES[outcome.code].retry !== 'after-pause') return 0;
  return Math.min(outcome.retryAfterMs ?? REST_MS, REST_MAX_MS);
}
