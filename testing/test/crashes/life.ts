import { randomInt } from 'node:crypto';
import { checkout } from 'checkout/contract.ts';
import { startCheckout } from 'checkout/testing';
import { loms } from 'loms/contract.ts';
import { startLoms } from 'loms/testing';
import { pickFreePorts } from 'mesh';
import { startNotifications } from 'notifications/testing';
import { type Client, createClient, createHttpTransport } from 'rpc-kit';
import { answerTo } from '../../src/patience.ts';
import type { RunningService } from '../../src/running-service.ts';
import type { Sql } from '../../src/sql.ts';
import type { CrashGround } from './crash-ground.ts';
import { type MortalName, startMortal } from './mortal-service.ts';

export type Goods = Readonly<Record<number, number>>;

/** One buyer in a mesh of which one process dies. */
export interface Life extends AsyncDisposable {
  readonly user: bigint;
  /** Two skus of this buyer only, ascending, with a stock of `SUPPLY` each. */
  readonly skus: readonly [number, number];
  readonly key: string;
  readonly checkout: Client<typeof checkout.methods>;
  readonly loms: Client<typeof loms.methods>;
  readonly sql: CrashGround['sql'];
  /** Settles with the signal or exit code of the process, once its successor answers. */
  readonly died: Promise<string>;
  cart(): Promise<Goods>;
  stop(service: 'loms' | 'notifications'): Promise<void>;
  startAgain(service: 'loms' | 'notifications'): Promise<void>;
}

export const SUPPLY = 10;
/** So short that delivered events are deleted during a test. */
const EVENTS_KEPT_MS = 500;

let buyers = randomInt(2 ** 40);

/** Starts the services; the mortal one dies at the point, and an ordinary one replaces it. */
export async function startLife(ground: CrashGround, mortal: MortalName, point: string): Promise<Life> {
  const { sql } = ground;
  await using resources = new AsyncDisposableStack();
  const { options, urls } = await chooseSurroundings(ground);
  const start = {
    loms: () => startLoms(options.loms),
    checkout: () => startCheckout(options.checkout),
    notifications: () => startNotifications(options.notifications),
  };
  const running = new Map<keyof typeof start, RunningService>();
  const startAgain = async (service: keyof typeof start) => void running.set(service, await start[service]());
  const stop = async (service: keyof typeof start) => {
    await running.get(service)?.[Symbol.asyncDispose]();
    running.delete(service);
  };
  for (const service of ['checkout', 'loms', 'notifications'] as const) resources.defer(() => stop(service));

  await startAgain('notifications');
  const onDeath = mortal === 'loms' ? () => expireLeases(sql.loms) : async () => {};
  const { died } = resources.use(await startMortal(mortal, point, options[mortal], onDeath));
  await startAgain(mortal === 'loms' ? 'checkout' : 'loms');

  const user = BigInt(++buyers);
  const skus = await supply(sql.loms, user);
  const wire = (url: string) => resources.use(createHttpTransport(url, { userAgent: 'tests' }));
  const clients = { checkout: createClient(checkout, wire(urls.checkout)), loms: createClient(loms, wire(urls.loms)) };
  async function cart(): Promise<Goods> {
    const { items } = await answerTo(() => clients.checkout.listCart({ user }));
    return Object.fromEntries(items.map(({ sku, count }) => [sku, count]));
  }
  const owned = resources.move();
  const dispose = () => owned.disposeAsync();
  return {
    user,
    skus,
    key: `key of ${user}`,
    ...clients,
    sql,
    died,
    cart,
    stop,
    startAgain,
    [Symbol.asyncDispose]: dispose,
  };
}

/** Ports that a successor uses again. */
async function chooseSurroundings({ databaseUrls, productsUrl, announced }: CrashGround) {
  const [lomsPort = 0, checkoutPort = 0, notificationsPort = 0] = await pickFreePorts(3);
  const urlOf = (port: number): string => `http://127.0.0.1:${port}`;
  const options = {
    loms: {
      port: lomsPort,
      databaseUrl: databaseUrls.loms,
      notificationsUrl: urlOf(notificationsPort),
      eventsKeptMs: EVENTS_KEPT_MS,
    },
    checkout: { port: checkoutPort, databaseUrl: databaseUrls.checkout, lomsUrls: [urlOf(lomsPort)], productsUrl },
    notifications: { port: notificationsPort, databaseUrl: databaseUrls.notifications, announced },
  };
  return { options, urls: { loms: urlOf(lomsPort), checkout: urlOf(checkoutPort) } };
}

async function supply(sql: Sql, user: bigint): Promise<[number, number]> {
  const firstSku = Number(user % 1_000_000n) * 2;
  const skus: [number, number] = [firstSku, firstSku + 1];
  for (const sku of skus) {
    await sql(
      `INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES (${sku}, 1, ${SUPPLY}, ${SUPPLY}, ${SUPPLY})`,
    );
  }
  return skus;
}

/** The leases of a dead loms expire after 15 s: here they expire at once. */
async function expireLeases(sql: Sql): Promise<void> {
  await sql('UPDATE outbox SET available_at = now() WHERE delivered_at IS NULL');
}
