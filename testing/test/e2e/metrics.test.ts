import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { loms } from 'loms/contract.ts';
import { SERVICES } from 'mesh';
import {
  awaitDelivery,
  differencesFromPage,
  type Family,
  joinGateway,
  makeTraffic,
  readMetrics,
  readMetricsText,
  useGateway,
} from 'observability/testing';
import { startMesh, type TestMesh } from 'testing';
import { eventually } from '../../src/patience.ts';

/** Ten digits, so that none of them equals a port by chance. */
const FIRST_USER = 7_100_000_001;
const USERS = 4;
/** After this round only users differ, and none may add a series. */
const LATER_USERS = 30;
/** Few enough that hardly any call times out, which would add series for another reason. */
const USERS_AT_A_TIME = 5;

/** Series of one metric in one process: verbs × paths × statuses are the most. A histogram counts once per set of labels. */
const SERIES_MAX = 60;

/** The counters of one round of makeTraffic. */
const DONE_BY_EACH = {
  'orders_created_total{"outcome":"reserved"}': 3,
  'orders_created_total{"outcome":"out_of_stock"}': 1,
  'order_status_changes_total{"status":"payed"}': 1,
  'order_status_changes_total{"status":"cancelled"}': 1,
  'orders_by_status{"status":"awaiting payment"}': 1,
  'purchases_total{"outcome":"ordered"}': 1,
  'purchases_total{"outcome":"cart empty"}': 1,
  'cart_changes_total{"change":"add"}': 2,
  'cart_changes_total{"change":"delete"}': 1,
  'purchases_pending{}': 0,
};

describe('the metrics of a mesh', () => {
  let mesh: TestMesh;
  /** Users with answers to all their calls: all of them, unless the machine is very busy. */
  let counted = 0;
  before(async () => {
    // No process listens there, so that the metrics of a failing webhook appear as well.
    mesh = await startMesh({ WEBHOOK_URL: 'http://127.0.0.1:9/' });
    // One after the other, so that hardly any call times out.
    for (let user = FIRST_USER; user < FIRST_USER + USERS; user++) {
      if (await makeTraffic(mesh, user)) counted += 1;
    }
    await useGateway(mesh.urls, await joinGateway(mesh.urls, `anna-${FIRST_USER}`));
    await awaitDelivery(mesh.urls);
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  const readAll = () =>
    Promise.all(SERVICES.map(async (service) => [service, await readMetrics(mesh.urls[service])] as const));

  it('are those that docs/metrics.md describes', async () => {
    assert.deepEqual(await differencesFromPage(mesh.urls, 'rpc'), []);
  });

  it('have a help text each, and a value', async () => {
    const all = (await readAll()).flatMap(([, families]) => families);
    assert.ok(all.length > 100);
    assert.deepEqual(
      all.filter(({ help }) => help.length < 10).map(({ name }) => name),
      [],
    );
    // A scrape omits each of them while the database is slow.
    for (const name of ['orders_by_status', 'orders_overdue_seconds', 'purchases_pending', 'outbox_lag_seconds']) {
      await eventually(`${name} has a value`, async () =>
        (await readAll()).some(([, all]) => all.some((family) => family.name === name && family.series.length > 0)),
      );
    }
  });

  it('count calls, statements and events', async () => {
    assert.ok(counted > 0, 'no user had an answer to every call');
    for (const [series, perUser] of Object.entries(DONE_BY_EACH)) {
      await eventually(`${series} is ${perUser} for each of ${counted} to ${USERS} users`, async () => {
        const value = readValue(await readAll(), series);
        return value !== undefined && value >= counted * perUser && value <= USERS * perUser;
      });
    }
  });

  it('stay few, and contain no input of callers, for any number of users, goods, methods and paths', async () => {
    const before = new Map((await readAll()).map(([service, families]) => [service, seriesCounts(families)]));
    const users = Array.from({ length: LATER_USERS }, (_, index) => FIRST_USER + USERS + index);
    while (users.length > 0) {
      await Promise.all(users.splice(0, USERS_AT_A_TIME).map((user) => makeTraffic(mesh, user)));
    }
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        fetch(`${mesh.urls[index % 2 ? 'loms' : 'gateway']}/address-${FIRST_USER + index}`, { method: 'PUT' }),
      ),
    );
    for (const [service, families] of await readAll()) {
      for (const [name, count] of seriesCounts(families)) {
        assert.ok(count <= SERIES_MAX, `${name} of ${service} has ${count} series`);
      }
      // Statements and codes may appear late, but not one per user.
      const [total, earlier] = [sum(seriesCounts(families)), sum(before.get(service) ?? new Map())];
      assert.ok(total - earlier < LATER_USERS, `${service} had ${earlier} series, and has ${total} after more users`);
    }
    for (const service of SERVICES) {
      // Names and labels, without the values: a duration may end with the digits of a user.
      const text = (await readMetricsText(mesh.urls[service])).replaceAll(/ \S+$/gm, '');
      const traces = text.match(
        /^.*(71000000\d\d|4000000001|1076963|139275865|testtoken|key-of|unknown\d|no-such|address-).*$/m,
      );
      assert.equal(traces?.[0], undefined);
    }
  });

  it('contain no password', async () => {
    const passwords = readFileSync(mesh.paths.secrets, 'utf8').match(/(?<=: ")[^"]{8,}(?=")/g) ?? [];
    assert.ok(passwords.length >= SERVICES.length, 'the passwords of the mesh are where they are looked for');
    for (const service of SERVICES) {
      const text = await readMetricsText(mesh.urls[service]);
      assert.ok(!passwords.some((password) => text.includes(password)), `${service} shows a password in its metrics`);
    }
  });

  it('label the methods of the contract by name, and all others as unknown', async () => {
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

/** @param wanted a metric with its labels, except the service */
function readValue(all: readonly (readonly [string, readonly Family[]])[], wanted: string): number | undefined {
  const series = all.flatMap(([, families]) => families).flatMap((family) => family.series);
  const found = series.find(({ name, labels: { service: _, ...labels } }) => name + JSON.stringify(labels) === wanted);
  return found?.value;
}

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
