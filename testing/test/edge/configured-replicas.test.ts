import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { findRunningMesh, loadMeshConfig, peerUrl as meshPeerUrl } from 'mesh';
import { Registry } from 'prom-client';
import { openPeer } from 'service-kit';
import { startMesh, type TestMesh } from 'testing';
import { runTool } from 'tools/precommit';
import { answerTo, eventually } from '../../src/patience.ts';
import { openSql } from '../../src/sql.ts';
import { register, rest, UNLIMITED } from './people.ts';
import { startReplica } from './replica.ts';

const SKU = 1_076_963;
const BUYERS = 12;
const PURCHASES = 3;
const FIRST_BUYER = 5_800_000_001n;

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);

describe(`A mesh with replicas that have faults, limits or hedges, with the seed ${seed}`, function () {
  this.timeout(300_000);
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh(UNLIMITED);
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  async function countedBy(url: string, series: RegExp): Promise<number> {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const lines = metrics.split('\n').filter((line) => series.test(line));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  it('orders once for each key, although loms drops the answers of orders that it has created', async () => {
    const variables = { FAULTS: `createOrder:drop:0.4,createOrder:abort:0.1:unavailable,seed:${seed}` };
    await using faulty = await startReplica(mesh, 'loms', { variables });
    // Log lines are written every 100 ms.
    await eventually('the log says that calls fail on purpose', () =>
      /FAULTS is set: this process delays and fails calls on purpose/.test(readFileSync(faulty.log, 'utf8')),
    );
    await using through = await startReplica(mesh, 'checkout', { urls: { loms: faulty.peerUrl } });
    const caller = { userAgent: 'testing/1', registry: new Registry(), identity: mesh.caller };
    await using shop = openPeer(checkout, { urls: [through.url], ...caller });

    const bought = await Promise.all(
      Array.from({ length: BUYERS }, async (_, index) => {
        const user = FIRST_BUYER + BigInt(index);
        const orders: bigint[] = [];
        for (let each = 0; each < PURCHASES; each++) {
          await answerTo(() => shop.client.addToCart({ user, sku: SKU, count: 1 }));
          const idempotencyKey = `${seed}-${user}-${each}`;
          const { orderID } = await answerTo(() => shop.client.purchase({ user, idempotencyKey }));
          assert.deepEqual(await answerTo(() => shop.client.purchase({ user, idempotencyKey })), { orderID });
          orders.push(orderID);
        }
        return orders;
      }),
    );

    const dropped = await countedBy(faulty.url, /^rpc_faults_injected_total\{.*kind="drop"/);
    assert.ok(dropped > 0, 'no answer was dropped');
    await using sql = openSql(findRunningMesh(mesh.variables).databaseUrls.loms);
    const rows = await sql(`SELECT order_id FROM orders WHERE user_id BETWEEN ${FIRST_BUYER} AND ${FIRST_BUYER + 99n}`);
    assert.deepEqual(rows.map(({ order_id: id }) => id).toSorted(), bought.flat().toSorted());
    assert.equal(new Set(bought.flat()).size, BUYERS * PURCHASES);
    const { passed, output } = await runTool(['tools/src/check-invariants.ts'], mesh.variables);
    assert.ok(passed, output);
    for (const rule of ['S1', 'S2', 'O1', 'E1', 'E2']) assert.match(output, new RegExp(`^${rule} +holds`, 'm'));
    console.log(`        ${dropped} answers of createOrder were dropped`);
  });

  it('answers no more calls of a method than METHOD_LIMITS allows, through two replicas', async () => {
    const variables = { METHOD_LIMITS: 'getOrder:5/min' };
    const urls = [];
    await using replicas = new AsyncDisposableStack();
    for (let each = 0; each < 2; each++) {
      urls.push(replicas.use(await startReplica(mesh, 'loms', { variables })).url);
    }
    const caller = { userAgent: 'testing/1', registry: new Registry(), identity: mesh.caller, retries: false };
    await using orders = openPeer(loms, { urls, ...caller });
    const startedAt = performance.now();
    const calls = Array.from({ length: 20 }, () => orders.client.getOrder({ orderID: 9_999_999_999n }));
    const codes = (await Promise.allSettled(calls)).map((call) => call.status === 'rejected' && call.reason.code);
    const refused = codes.filter((code) => code === 'resource_exhausted').length;
    const minutes = (performance.now() - startedAt) / 60_000;
    assert.equal(codes.filter((code) => code === 'not_found').length, 20 - refused);
    assert.ok(refused <= 15 && refused >= 15 - Math.ceil(5 * minutes), `${refused} of 20 were refused`);
  });

  it('refuses to start with faults of a method that the service does not have', async () => {
    const started = startReplica(mesh, 'loms', { variables: { FAULTS: 'creatOrder:drop:0.1' } });
    const { message } = await started.then(
      () => assert.fail('it started'),
      (error: Error) => error,
    );
    const [, log = ''] = /see (.+)$/.exec(message) ?? [];
    assert.match(readFileSync(log, 'utf8'), /^loms cannot run: FAULTS is wrong: loms has no method "creatOrder"$/m);
  });

  it('reads from the other replica where one is slow, with HEDGE_READS', async () => {
    await using slow = await startReplica(mesh, 'loms', { variables: { FAULTS: 'listOrders:delay:1:900' } });
    const lomses = `${meshPeerUrl(loadMeshConfig({ ...process.env, ...mesh.variables }), 'loms')},${slow.peerUrl}`;
    await using gateway = await startReplica(mesh, 'gateway', {
      urls: { loms: lomses },
      variables: { HEDGE_READS: '30' },
    });
    const person = await register(mesh);
    await eventually('a second attempt was faster', async () => {
      const through = { urls: { ...mesh.urls, gateway: gateway.url } };
      const { status, text } = await rest(through, 'GET /v1/orders', { token: person.accessToken });
      assert.equal(status, 200, text);
      return (await countedBy(gateway.url, /^rpc_client_hedges_total\{.*peer="loms".*outcome="won"/)) > 0;
    });
  });
});
