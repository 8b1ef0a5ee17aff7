import { randomInt } from 'node:crypto';
import { checkout } from 'checkout/contract.ts';
import { createTestDatabase } from 'local/testing';
import { loms } from 'loms/contract.ts';
import { type Client, createClient, createHttpTransport } from 'rpc-kit';
import { startFakeProducts } from '../../../checkout/test/fake-products.ts';
import { pickFreePorts } from '../../src/ports.ts';
import { startCheckout } from '../in-process/checkout.ts';
import { startLoms } from '../in-process/loms.ts';
import { startNotifications, type Told } from '../in-process/notifications.ts';
import { answerTo } from '../in-process/patience.ts';
import { openSql, type Sql } from '../in-process/sql.ts';
import { type MortalName, startMortal } from './mortal-service.ts';

export type Goods = Readonly<Record<number, number>>;

/** What all crash tests share: databases, the product service and what users were told. */
export interface CrashGround extends AsyncDisposable {
  readonly sql: { readonly loms: Sql; readonly checkout: Sql; readonly notifications: Sql };
  readonly told: readonly Told[];
  /** Starts the services; the named one dies at the point, and an ordinary one takes its place. */
  start(mortal: MortalName, point: string): Promise<Life>;
}

/** One buyer in a mesh that somebody dies in. */
export interface Life extends AsyncDisposable {
  readonly user: bigint;
  /** Two skus that nobody else buys, ascending, of each of which ten are there. */
  readonly skus: readonly [number, number];
  readonly key: string;
  readonly checkout: Client<typeof checkout.methods>;
  readonly loms: Client<typeof loms.methods>;
  readonly sql: CrashGround['sql'];
  /** How the process ended; by then another one answers in its place. */
  readonly died: Promise<string>;
  cart(): Promise<Goods>;
  stop(service: 'loms' | 'notifications'): Promise<void>;
  startAgain(service: 'loms' | 'notifications'): Promise<void>;
}

export const SUPPLY = 10;
/** So short that events are forgotten while a test runs. */
const EVENTS_KEPT_MS = 500;

export async function openCrashGround(): Promise<CrashGround> {
  await using resources = new AsyncDisposableStack();
  const lomsDatabase = resources.use(await createTestDatabase('loms'));
  const checkoutDatabase = resources.use(await createTestDatabase('checkout'));
  const notificationsDatabase = resources.use(await createTestDatabase('notifications'));
  const products = resources.use(await startFakeProducts());
  const sql = {
    loms: resources.use(openSql(lomsDatabase.url)),
    checkout: resources.use(openSql(checkoutDatabase.url)),
    notifications: resources.use(openSql(notificationsDatabase.url)),
  };
  const told: Told[] = [];
  let buyers = randomInt(2 ** 40);

  async function start(mortal: MortalName, point: string): Promise<Life> {
    await using stack = new AsyncDisposableStack();
    const [lomsPort = 0, checkoutPort = 0, notificationsPort = 0] = await pickFreePorts(3);
    const urlOf = (port: number): string => `http://127.0.0.1:${port}`;
    const lomsOptions = {
      port: lomsPort,
      databaseUrl: lomsDatabase.url,
      notificationsUrl: urlOf(notificationsPort),
      eventsKeptMs: EVENTS_KEPT_MS,
    };
    const checkoutOptions = {
      port: checkoutPort,
      databaseUrl: checkoutDatabase.url,
      lomsUrls: [urlOf(lomsPort)],
      productsUrl: products.url,
    };
    const own = {
      loms: () => startLoms(lomsOptions),
      checkout: () => startCheckout(checkoutOptions),
      notifications: () =>
        startNotifications({ port: notificationsPort, databaseUrl: notificationsDatabase.url, told }),
    };
    const running = new Map<string, AsyncDisposable>();
    const startAgain = async (service: keyof typeof own) => void running.set(service, await own[service]());
    const stop = async (service: keyof typeof own) => {
      await running.get(service)?.[Symbol.asyncDispose]();
      running.delete(service);
    };
    for (const service of ['checkout', 'loms', 'notifications'] as const) stack.defer(() => stop(service));

    await startAgain('notifications');
    const died =
      mortal === 'loms'
        ? stack.use(await startMortal('loms', point, lomsOptions, () => endLeases(sql.loms))).died
        : stack.use(await startMortal('checkout', point, checkoutOptions, async () => {})).died;
    await startAgain(mortal === 'loms' ? 'checkout' : 'loms');

    const user = BigInt(++buyers);
    const firstSku = Number(user % 1_000_000n) * 2;
    const skus = [firstSku, firstSku + 1] as const;
    for (const sku of skus) {
      const row = `(${sku}, 1, ${SUPPLY}, ${SUPPLY})`;
      await sql.loms(`INSERT INTO stocks (sku, warehouse_id, supplied, on_sale) VALUES ${row}`);
    }
    const wire = (port: number) => stack.use(createHttpTransport(urlOf(port), { userAgent: 'tests' }));
    const checkoutClient = createClient(checkout, wire(checkoutPort));
    const lomsClient = createClient(loms, wire(lomsPort));
    const owned = stack.move();
    return {
      user,
      skus,
      key: `key of ${user}`,
      checkout: checkoutClient,
      loms: lomsClient,
      sql,
      died,
      async cart() {
        const { items } = await answerTo(() => checkoutClient.listCart({ user }));
        return Object.fromEntries(items.map(({ sku, count }) => [sku, count]));
      },
      stop,
      startAgain,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  const owned = resources.move();
  return { sql, told, start, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** What the dead one had in hand would be taken up by others after 15 s: here they are over at once. */
async function endLeases(sql: Sql): Promise<void> {
  await sql('UPDATE outbox SET available_at = now() WHERE delivered_at IS NULL');
}
