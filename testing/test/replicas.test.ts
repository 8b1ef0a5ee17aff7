import assert from 'node:assert/strict';
import { checkout } from 'checkout/contract.ts';
import { startCheckout, startFakeProducts } from 'checkout/testing';
import fc from 'fast-check';
import { assertInvariants } from 'invariants';
import { loms } from 'loms/contract.ts';
import { startLoms } from 'loms/testing';
import { type Announced, journalOf, startNotifications } from 'notifications/testing';
import { createClient, createHttpTransport } from 'rpc-kit';
import { createTestDatabase } from 'testing';
import { openSql, type Sql } from '../src/sql.ts';
import { createBuyer, type Replicas } from './buyer.ts';
import { drained } from './drained.ts';

const SKUS = [1, 2, 3, 4];
/** Less than all buyers want, so that some are refused and cancelled goods are bought again. */
const SUPPLY = 20;
const USERS = 6;
const TURNS = 5;
const PICKS = 100;
/** A limit against hanging: it takes a few seconds. */
const TIMEOUT_MS = 90_000;

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

interface Mesh extends Replicas, AsyncDisposable {
  readonly sql: { readonly loms: Sql; readonly checkout: Sql; readonly notifications: Sql };
  readonly announced: readonly Announced[];
}

/** Two replicas of each service on the same databases; callers know both replicas of a callee. */
async function startReplicas(): Promise<Mesh> {
  await using resources = new AsyncDisposableStack();
  const [lomsDatabase, checkoutDatabase, notificationsDatabase] = [
    resources.use(await createTestDatabase('loms')),
    resources.use(await createTestDatabase('checkout')),
    resources.use(await createTestDatabase('notifications')),
  ];
  const products = resources.use(await startFakeProducts());
  const announced: Announced[] = [];
  const sql = {
    loms: resources.use(openSql(lomsDatabase.url)),
    checkout: resources.use(openSql(checkoutDatabase.url)),
    notifications: resources.use(openSql(notificationsDatabase.url)),
  };
  const notifications = resources.use(await startNotifications({ databaseUrl: notificationsDatabase.url, announced }));
  const lomsOptions = { databaseUrl: lomsDatabase.url, notificationsUrl: notifications.url };
  const lomses = [resources.use(await startLoms(lomsOptions)), resources.use(await startLoms(lomsOptions))];
  const lomsUrls = lomses.map(({ url }) => url);
  const checkoutOptions = { databaseUrl: checkoutDatabase.url, lomsUrls, productsUrl: products.url };
  const checkouts = [
    resources.use(await startCheckout(checkoutOptions)),
    resources.use(await startCheckout(checkoutOptions)),
  ];
  const wire = (url: string) => resources.use(createHttpTransport(url, { userAgent: 'tests' }));
  const clients = {
    checkouts: checkouts.map(({ url }) => createClient(checkout, wire(url))),
    lomses: lomses.map(({ url }) => createClient(loms, wire(url))),
  };
  const owned = resources.move();
  return { ...clients, sql, announced, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A user's random choices, the same for the same seed. */
function choices(): (<T>(of: readonly T[]) => T)[] {
  const lists = fc.sample(fc.array(fc.nat(), { minLength: PICKS, maxLength: PICKS }), { numRuns: USERS, seed });
  return lists.map((list) => {
    let next = 0;
    return <T>(of: readonly T[]): T => of[(list[next++ % PICKS] ?? 0) % of.length] as T;
  });
}

describe(`Two replicas of every service, with the seed ${seed}`, () => {
  it('lose nothing and do nothing twice under a mixed load', async () => {
    await using mesh = await startReplicas();
    for (const sku of SKUS) {
      const row = `(${sku}, 1, ${SUPPLY}, ${SUPPLY}, ${SUPPLY})`;
      await mesh.sql.loms(`INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale) VALUES ${row}`);
    }
    const buyers = choices().map((pick, user) => createBuyer(mesh, BigInt(user), SKUS, pick));
    await Promise.all(
      buyers.map(async (buyer) => {
        for (let turn = 0; turn < TURNS; turn++) await buyer.takeTurn(turn);
      }),
    );
    await drained(mesh);

    for (const [user, { ordered }] of buyers.entries()) {
      const text = "SELECT order_id FROM orders WHERE user_id = $1 AND status <> 'failed'";
      const rows = await mesh.sql.loms(text, [user]);
      assert.deepEqual(new Set(rows.map(({ order_id }) => order_id)), new Set(ordered));
    }
    await assertInvariants({ ...mesh.sql, journal: journalOf(mesh.announced) });
    const counts = await mesh.sql.loms('SELECT status, count(*)::integer FROM orders GROUP BY status ORDER BY status');
    console.log('       ', Object.fromEntries(counts.map(({ status, count }) => [status, count])));
  }).timeout(TIMEOUT_MS);
});
