import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { loms } from 'loms/contract.ts';
import { type Client, RpcError } from 'rpc-kit';
import { eventually, isUnanswered } from './patience.ts';

type LomsClient = Client<typeof loms.methods>;

/** Buyers that order, pay every other order, and retry with the same key until they are answered. */
export interface OrderLoad {
  /** Number of failed calls by code. */
  readonly failures: ReadonlyMap<string, number>;
  /** Waits until each buyer has completed an order begun from now on; answers the milliseconds. */
  untilAllSucceed(): Promise<number>;
  /** Waits until a call fails. */
  untilOneFails(): Promise<void>;
  /** Lets the buyers finish their orders. Answers the orders they received, one for each key. */
  stop(): Promise<bigint[]>;
}

interface OrderLoadOptions {
  /** Default: below pgbouncer's 20 connections, so that the load itself causes no failure. */
  readonly buyers?: number;
  /** Between two orders, and before a retry. The default gives enough load for every fault to fail calls. */
  readonly pauseMs?: number;
}

export function startOrderLoad(
  clients: readonly LomsClient[],
  sku: number,
  { buyers = 8, pauseMs = 20 }: OrderLoadOptions = {},
): OrderLoad {
  const failures = new Map<string, number>();
  const orders: bigint[] = [];
  /** Completed orders of each buyer. */
  const rounds = Array.from({ length: buyers }, () => 0);
  let stopping = false;

  async function answered<T>(call: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        // No fault of the database may cause any other error.
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
  // `stop` reports the error.
  bought.catch(() => {});
  const failed = () => [...failures.values()].reduce((sum, count) => sum + count, 0);

  return {
    failures,
    async untilAllSucceed() {
      const began = performance.now();
      // The current order may have been answered before this call.
      const wanted = rounds.map((round) => round + 2);
      const haveAllSucceeded = () => rounds.every((round, index) => round >= (wanted[index] ?? 0));
      await Promise.race([bought, eventually('each buyer has completed an order', haveAllSucceeded)]);
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

/** The error of a call that has to fail. */
export async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RpcError, `it should have failed, not ${error}`);
  return error;
}
