import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { loms } from 'loms/contract.ts';
import type { Client } from 'rpc-kit';

export interface Load {
  readonly eventsPerSecond: number;
  readonly seconds: number;
}

export interface Bought {
  readonly events: number;
  readonly beganAt: Date;
  /** When the buyer knew of the change, by `orderID/seq`: some milliseconds after its commit. */
  readonly answeredAt: ReadonlyMap<string, number>;
}

/** Made and payed, an order has three events: new, awaiting payment, payed. */
const EVENTS_PER_ORDER = 3;
/** Buyers of the same goods wait for each other, which is not what is measured. */
export const SKUS = 1_000;
const ATTEMPTS_MAX = 10;

/** Makes orders at a steady pace, however long each takes, and pays each at once. */
export async function buyAndPay(
  client: Client<typeof loms.methods>,
  { eventsPerSecond, seconds }: Load,
): Promise<Bought> {
  const beganAt = new Date();
  const began = performance.now();
  const orders = Math.floor((eventsPerSecond / EVENTS_PER_ORDER) * seconds);
  const underWay: Promise<void>[] = [];
  const answeredAt = new Map<string, number>();
  for (let order = 0; order < orders; order++) {
    const dueAt = began + (order * 1_000 * EVENTS_PER_ORDER) / eventsPerSecond;
    await sleep(Math.max(0, dueAt - performance.now()));
    underWay.push(buyOne(client, 1 + (order % SKUS), answeredAt));
  }
  await Promise.all(underWay);
  return { events: orders * EVENTS_PER_ORDER, beganAt, answeredAt };
}

async function buyOne(
  client: Client<typeof loms.methods>,
  sku: number,
  answeredAt: Map<string, number>,
): Promise<void> {
  const order = { user: 1n, items: [{ sku, count: 1 }], idempotencyKey: randomUUID() };
  const { orderID } = await repeated(() => client.createOrder(order));
  for (const seq of [1, 2]) answeredAt.set(`${orderID}/${seq}`, Date.now());
  await repeated(() => client.orderPayed({ orderID }));
  answeredAt.set(`${orderID}/3`, Date.now());
}

/** On a busy machine a call may run out of time; both are safe to repeat. */
async function repeated<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX) throw error;
    }
  }
}
