import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { loms } from 'loms/contract.ts';
import type { Family } from '../../../observability/src/exposition.ts';
import { differencesFromPage } from '../../../observability/test/metrics-page-check.ts';
import { readMetrics, readMetricsText } from '../../../observability/test/scrape.ts';
import { awaitDelivery, makeTraffic } from '../../../observability/test/traffic.ts';
import { SERVICES } from '../../src/services.ts';
import { startMesh, type TestMesh } from '../../src/testing.ts';

/** Ten digits, so that none of them turns up by chance as a port. */
const FIRST_USER = 7_100_000_001;
const USERS = 4;
/** Nothing but users comes in after this, and none may leave a trace. */
const LATER_USERS = 30;

/** Series of one metric in one process: verbs, addresses and statuses together make the most. Histograms count as one for each set of labels. */
const SERIES_MAX = 60;

describe('the metrics of a mesh', () => {
  let mesh: TestMesh;
  before(async () => {
    // Nobody listens there: what a failing sink shows is there as well.
    mesh = await startMesh({ WEBHOOK_URL: 'http://127.0.0.1:9/' });
    // One after the other, so that none fails for want of time and all can be counted.
    for (let user = FIRST_USER; user < FIRST_USER + USERS; user++) await makeTraffic(mesh.urls, user);
    await awaitDelivery(mesh.urls);
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  const readAll = () =>
    Promise.all(SERVICES.map(async (service) => [service, await readMetrics(mesh.urls[service])] as const));

  it('are those that docs/metrics.md describes', async () => {
    assert.deepEqual(await differencesFromPage(mesh.urls, 'rpc'), []);
  });

  it('have a help text each, and a value', async () => {
    const told = (await readAll()).flatMap(([, families]) => families);
    assert.ok(told.length > 100);
    assert.deepEqual(
      told.filter(({ help }) => help.length < 10).map(({ name }) => name),
      [],
    );
    const missing = ['orders_by_status', 'orders_overdue_seconds', 'purchases_pending', 'outbox_lag_seconds'].filter(
      (name) => !told.some((family) => family.name === name && family.series.length > 0),
    );
    assert.deepEqual(missing, []);
  });

  it('count what was done', async () => {
    const values = new Map(
      (await readAll()).flatMap(([, families]) =>
        families.flatMap(({ series }) =>
          series.map(({ name, labels: { service: _, ...labels }, value }) => [name + JSON.stringify(labels), value]),
        ),
      ),
    );
    const expected = {
      'orders_created_total{"outcome":"reserved"}': 3 * USERS,
      'orders_created_total{"outcome":"out_of_stock"}': USERS,
      'order_status_changes_total{"status":"payed"}': USERS,
      'order_status_changes_total{"status":"cancelled"}': USERS,
      'orders_by_status{"status":"awaiting payment"}': USERS,
      'purchases_total{"outcome":"ordered"}': USERS,
      'purchases_total{"outcome":"cart empty"}': USERS,
      'cart_changes_total{"change":"add"}': 2 * USERS,
      'cart_changes_total{"change":"delete"}': USERS,
      'purchases_pending{}': 0,
    };
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((key) => [key, values.get(key)])), expected);
  });

  it('stay few, and hold nothing of what callers send, however many users, goods, methods and addresses there are', async () => {
    const before = new Map((await readAll()).map(([service, families]) => [service, seriesCounts(families)]));
    const users = Array.from({ length: LATER_USERS }, (_, index) => FIRST_USER + USERS + index);
    await Promise.all(users.map((user) => makeTraffic(mesh.urls, user)));
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        fetch(`${mesh.urls.loms}/address-${FIRST_USER + index}`, { method: 'PUT' }),
      ),
    );
    for (const [service, families] of await readAll()) {
      for (const [name, count] of seriesCounts(families)) {
        assert.ok(count <= SERIES_MAX, `${name} of ${service} has ${count} series`);
      }
      // Statements, codes and such may turn up late, but not one for each user.
      const [total, earlier] = [sum(seriesCounts(families)), sum(before.get(service) ?? new Map())];
      assert.ok(total - earlier < LATER_USERS, `${service} had ${earlier} series, and has ${total} after more users`);
    }
    for (const service of SERVICES) {
      // Names and labels, without the values: a duration may well end in the digits of a user.
      const text = (await readMetricsText(mesh.urls[service])).replaceAll(/ \S+$/gm, '');
      const traces = text.match(
        /^.*(71000000\d\d|4000000001|1076963|139275865|testtoken|key-of|unknown\d|no-such|address-).*$/m,
      );
      assert.equal(traces?.[0], undefined);
    }
  });

  it('hold no password', async () => {
    const passwords = readFileSync(mesh.paths.secrets, 'utf8').match(/(?<=: ")[^"]{8,}(?=")/g) ?? [];
    assert.ok(passwords.length >= SERVICES.length, 'the passwords of the mesh are where they are looked for');
    for (const service of SERVICES) {
      const text = await readMetricsText(mesh.urls[service]);
      assert.ok(!passwords.some((password) => text.includes(password)), `${service} shows a password in its metrics`);
    }
  });

  it('know the methods of the contract by name, and all others as unknown', async () => {
    const families = await readMetrics(mesh.urls.loms);
    const series = families.find(({ name }) => name === 'rpc_server_requests_total')?.series ?? [];
    const methods = new Set(series.map(({ labels }) => labels.method ?? ''));
    const known = [...Object.keys(loms.methods), 'unknown'];
    assert.deepEqual(
      [...methods].filter((method) => !known.includes(method)),
      [],
    );
  });
});

/** Sets of labels for each metric: a histogram's buckets, sum and count are one. */
function seriesCounts(families: readonly Family[]): Map<string, number> {
  return new Map(
    families.map(({ name, series }) => {
      const sets = series.map(({ labels: { le: _, ...labels } }) => JSON.stringify(labels));
      return [name, new Set(sets).size];
    }),
  );
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
