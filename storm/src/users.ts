import { setTimeout as sleep } from 'node:timers/promises';
import { createTokenBucket } from 'rpc-kit';
import { type Caller, connect, FACES, type Urls } from './connections.ts';
import { createDice, type Dice } from './dice.ts';
import type { Goods } from './goods.ts';
import type { RecordedCall } from './recorder.ts';
import { chooseSession } from './scenario.ts';
import { scenarios } from './scenarios/index.ts';
import { type Clients, createRunIds, createUser, type User } from './user.ts';

interface UsersOptions {
  readonly urls: Urls;
  readonly caller: Caller;
  readonly users: number;
  readonly seed: number;
  /** Calls a second of all users together. */
  readonly rate: number;
  readonly goods: Goods;
  readonly startedAt: Date;
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

/** Runs all users and resolves when the last one has ended. */
export async function runUsers({
  urls,
  caller,
  users,
  seed,
  rate,
  goods,
  startedAt,
  over,
  record,
}: UsersOptions): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const clients = FACES.map((face) => connect(urls, caller, face, users * WINDOWS, stack));
  const limiter = createRateCap(rate, users * WINDOWS);
  const ids = createRunIds(startedAt);
  // A bug in the storm itself ends all users.
  const failed = new AbortController();
  const context = { limiter, record, over: AbortSignal.any([over, failed.signal]) };
  const running = createDice(seed, users).map((dice, index) => {
    const user = createUser(index, ids, clients[index % clients.length] as Clients, context);
    const arrivesAfterMs = (index / users) * ARRIVAL_MS;
    return runUser(user, dice, goods, { arrivesAfterMs, over: context.over }).catch((error) => {
      failed.abort(error);
      throw error;
    });
  });
  await Promise.allSettled(running);
  await Promise.all(running);
}

async function runUser(
  user: User,
  dice: Dice,
  goods: Goods,
  { arrivesAfterMs, over }: { arrivesAfterMs: number; over: AbortSignal },
): Promise<void> {
  try {
    await sleep(arrivesAfterMs, undefined, { signal: over });
    for (;;) await chooseSession(dice, scenarios, goods).play(user);
  } catch (error) {
    // Every wait rejects when the storm is over.
    if (!over.aborted) throw error;
  }
}

function createRateCap(rate: number, waitersMax: number) {
  const tokens = Math.ceil(rate / SLICES_PER_SECOND);
  return createTokenBucket({ tokens, intervalMs: (tokens * 1_000) / rate, waitersMax });
}
