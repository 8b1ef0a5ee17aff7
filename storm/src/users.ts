import { setTimeout as sleep } from 'node:timers/promises';
import { createTokenBucket, type Limiter } from 'rpc-kit';
import { type Caller, connect, FACES, type Urls } from './connections.ts';
import { createDice, type Dice } from './dice.ts';
import type { EdgePerson } from './edge/people.ts';
import type { Goods } from './goods.ts';
import type { RecordedCall } from './recorder.ts';
import { chooseSession, type Scenario } from './scenario.ts';
import { adminScenarios, edgeScenarios, scenarios } from './scenarios/index.ts';
import { type Clients, createUser, type RunIds, type User } from './user.ts';

interface UsersOptions {
  readonly urls: Urls;
  readonly caller: Caller;
  readonly users: number;
  /** Their accounts, the admin's last; undefined on the faces of the services. */
  readonly people: readonly EdgePerson[] | undefined;
  readonly seed: number;
  /** Calls a second of all users together. */
  readonly rate: number;
  readonly goods: Goods;
  readonly ids: RunIds;
  /** Ends the storm. Calls in flight are awaited. */
  readonly over: AbortSignal;
  record(call: RecordedCall): void;
}

/** Windows of a user, each with at most one call in flight. */
const WINDOWS = 2;
/** The cap applies to each twentieth of a second, so that calls are spread over the second. */
const SLICES_PER_SECOND = 20;

/** Users arrive one by one within this time, since the code of services that have just started is not compiled yet. */
const ARRIVAL_MS = 2_000;

/** Runs all users and one admin beside them, and resolves when the last one has ended. */
export async function runUsers({
  urls,
  caller,
  users,
  people,
  seed,
  rate,
  goods,
  ids,
  over,
  record,
}: UsersOptions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const windows = (users + 1) * WINDOWS;
  const clients = FACES.map((face) => connect(urls, caller, face, windows, stack));
  const limiter = createRateCap(rate, windows);
  // A bug in the storm itself ends all users.
  const failed = new AbortController();
  const context = { limiter, record, over: AbortSignal.any([over, failed.signal]) };
  const running = createDice(seed, users + 1).map((dice, index) => {
    const person = people?.[index];
    const own = person?.clients ?? (clients[index % clients.length] as Clients);
    const user = createUser(index, ids, own, context, person);
    const arrivesAfterMs = (index / users) * ARRIVAL_MS;
    const doings = index === users ? adminScenarios : people ? edgeScenarios : scenarios;
    return runUser(user, dice, { goods, doings, arrivesAfterMs, over: context.over }).catch((error) => {
      failed.abort(error);
      throw error;
    });
  });
  await Promise.allSettled(running);
  await Promise.all(running);
}

interface Doings {
  readonly goods: Goods;
  readonly doings: readonly Scenario[];
  readonly arrivesAfterMs: number;
  readonly over: AbortSignal;
}

async function runUser(user: User, dice: Dice, { goods, doings, arrivesAfterMs, over }: Doings): Promise<void> {
  try {
    await sleep(arrivesAfterMs, undefined, { signal: over });
    for (;;) await chooseSession(dice, doings, goods).play(user);
  } catch (error) {
    // Every wait rejects when the storm is over.
    if (!over.aborted) throw error;
  }
}

/** At most `rate` calls a second; a bucket's interval has whole milliseconds. */
export function createRateCap(rate: number, waitersMax: number): Limiter {
  const tokens = Math.ceil(rate / SLICES_PER_SECOND);
  return createTokenBucket({ tokens, intervalMs: Math.ceil((tokens * 1_000) / rate), waitersMax });
}
