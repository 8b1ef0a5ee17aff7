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
  readonly startedAt: Date;
  /** When the buyer got the answer, by `orderID/seq`: some milliseconds after the commit. */
  readonly answeredAt: ReadonlyMap<string, number>;
}

/** An order that is made and paid has three events: new, awaiting payment, payed. */
const EVENTS_PER_ORDER = 3;
/** Buyers of the same sku wait for each other's locks; many skus keep that out of the figures. */
export const SKUS = 1_000;
const ATTEMPTS_MAX = 10;

/** Makes orders at a steady pace, whatever time each takes, and pays each immediately. */
export async function buyAndPay(
  client: Client<typeof loms.methods>,
  { eventsPerSecond, seconds }: Load,
): Promise<Bought> {
  const startedAt = new Date();
  const started = performance.now();
  const orders = Math.floor((eventsPerSecond / EVENTS_PER_ORDER) * seconds);
  const inFlight: Promise<void>[] = [];
  const answeredAt = new Map<string, number>();
  for (let order = 0; order < orders; order++) {
    const dueAt = started + (order * 1_000 * EVENTS_PER_ORDER) / eventsPerSecond;
    await sleep(Math.max(0, dueAt - performance.now()));
    inFlight.push(buyOne(client, 1 + (order % SKUS), answeredAt));
  }
  await Promise.all(inFlight);
  return { events: orders * EVENTS_PER_ORDER, startedAt, answeredAt };
}

async function buyOne(
  client: Client<typeof loms.methods>,
  sku: number,
  answeredAt: Map<string, number>,
): Promise<void> {
  const order = { user: 1n, items: [{ sku, count: 1 }], idempotencyKey: randomUUID() };
  const { orderID } = await retry(() => client.createOrder(order));
  for (const seq of [1, 2]) answeredAt.set(`${orderID}/${seq}`, Date.now());
  await retry(() => client.orderPayed({ orderID }));
  answeredAt.set(`${orderID}/3`, Date.now());
}

/** On a busy machine a call may exceed its deadline. Both methods are idempotent. */
async function retry<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt === ATTEMPTS_MAX) throw error;
    }
  }
}
