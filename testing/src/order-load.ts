import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { loms } from 'loms/contract.ts';
import { type Client, RpcError } from 'rpc-kit';
import { eventually, isUnanswered } from './patience.ts';

type LomsClient = Client<typeof loms.methods>;

/** Buyers who order, pay for every other order, and ask again, under the same key, until they are answered. */
export interface OrderLoad {
  /** How often calls failed, by code. */
  readonly failures: ReadonlyMap<string, number>;
  /** Waits until each buyer has come through with an order begun from now on; answers the milliseconds that took. */
  untilAllComeThrough(): Promise<number>;
  /** Waits until a call fails. */
  untilOneFails(): Promise<void>;
  /** Lets the buyers finish what they have begun. Answers the orders that they were told of, one for each key. */
  stop(): Promise<bigint[]>;
}

export interface OrderLoadOptions {
  /** Default: below pgbouncer's 20 connections, for the load is to meet the faults, not to make one of its own. */
  readonly buyers?: number;
  /** Between two orders and before a call is made again; by default enough load to meet every fault, and no more. */
  readonly pauseMs?: number;
}

export function startOrderLoad(
  clients: readonly LomsClient[],
  sku: number,
  { buyers = 8, pauseMs = 20 }: OrderLoadOptions = {},
): OrderLoad {
  const failures = new Map<string, number>();
  const orders: bigint[] = [];
  /** How many orders of each buyer have come through. */
  const rounds = Array.from({ length: buyers }, () => 0);
  let stopping = false;

  async function answered<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        // Anything but "not now" is a mistake, whatever happens to the database.
        if (!isUnanswered(error)) throw error;
        failures.set(error.code, (failures.get(error.code) ?? 0) + 1);
        await pause(pauseMs);
      }
    }
  }

  async function buyOnce(client: LomsClient, user: bigint, round: number): Promise<void> {
    const order = { user, items: [{ sku, count: 1 }], idempotencyKey: randomUUID() };
    const { orderID } = await answered(() => client.createOrder(order));
    orders.push(orderID);
    if (round % 2 === 0) await answered(() => client.orderPayed({ orderID }));
  }

  const buying = rounds.map(async (_, index) => {
    const client = clients[index % clients.length];
    assert.ok(client);
    for (let round = 0; !stopping; round += 1) {
      await buyOnce(client, BigInt(index + 1), round);
      rounds[index] = round + 1;
      await pause(pauseMs);
    }
  });
  const bought = Promise.all(buying);
  // Whoever stops the load hears of it.
  bought.catch(() => {});
  const failed = () => [...failures.values()].reduce((sum, count) => sum + count, 0);

  return {
    failures,
    async untilAllComeThrough() {
      const began = performance.now();
      // The order that is under way now may have been answered before.
      const wanted = rounds.map((round) => round + 2);
      const through = () => rounds.every((round, index) => round >= (wanted[index] ?? 0));
      await Promise.race([bought, eventually('each buyer comes through with an order', through)]);
      return performance.now() - began;
    },
    async untilOneFails() {
      const before = failed();
      await Promise.race([bought, eventually('a call fails', () => failed() > before)]);
    },
    async stop() {
      stopping = true;
      await bought;
      return orders;
    },
  };
}

/** What a call failed with. */
export async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RpcError, `it should have failed, not ${error}`);
  return error;
}
