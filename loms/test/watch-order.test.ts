import assert from 'node:assert/strict';
import { pino } from 'pino';
import { createClient, createHttpTransport, failedWith, serveHttp } from 'rpc-kit';
import { loms } from '../contract.ts';
import { type Loms, type LomsClient, withLoms } from './loms-fixture.ts';

const SKU = 1;

async function order({ client, supply }: Loms): Promise<bigint> {
  await supply(SKU, { 1: 10 });
  return (await client.createOrder({ user: 1n, items: [{ sku: SKU, count: 1 }] })).orderID;
}

/** The changes until a final one. */
async function watch(client: LomsClient, orderID: bigint, afterSeq?: number): Promise<string[]> {
  const changes = await Array.fromAsync(client.watchOrder({ orderID, afterSeq }));
  return changes.map(({ seq, status }) => `${seq} ${status}`);
}

describe('watchOrder', () => {
  it(
    'streams the status of an order and each change that this replica makes, until a final one',
    withLoms(async (fixture) => {
      const orderID = await order(fixture);
      const items = fixture.client.watchOrder({ orderID });
      const first = await items.next();
      assert.deepEqual([first.value?.seq, first.value?.status], [2, 'awaiting payment']);
      const second = items.next();
      await fixture.client.orderPayed({ orderID });
      const { value } = await second;
      const [row] = await fixture.query(
        `SELECT changed_at FROM order_status_history WHERE order_id = ${orderID} AND seq = 3`,
      );
      assert.deepEqual(value, { seq: 3, status: 'payed', at: row?.changed_at });
      assert.equal((await items.next()).done, true);
    }),
  );

  it(
    'streams a change that another replica makes',
    withLoms(async (fixture) => {
      const orderID = await order(fixture);
      const other = fixture.start();
      const items = fixture.client.watchOrder({ orderID });
      assert.equal((await items.next()).value?.seq, 2);
      const change = items.next();
      await other.client.cancelOrder({ orderID });
      assert.equal((await change).value?.status, 'cancelled');
      assert.equal((await items.next()).done, true);
    }),
  );

  it(
    'streams the end of the time to pay',
    withLoms(
      async (fixture) => {
        const orderID = await order(fixture);
        assert.deepEqual((await watch(fixture.client, orderID)).at(-1), '3 cancelled');
      },
      { paymentTimeoutMs: 300 },
    ),
  );

  it(
    'is resumed behind a change, over HTTP by the id of an event too',
    withLoms(async (fixture) => {
      const orderID = await order(fixture);
      await fixture.client.orderPayed({ orderID });
      assert.deepEqual(await watch(fixture.client, orderID), ['3 payed']);
      assert.deepEqual(await watch(fixture.client, orderID, 0), ['1 new', '2 awaiting payment', '3 payed']);
      assert.deepEqual(await watch(fixture.client, orderID, 3), []);
      await using server = await serveHttp(fixture.service, {
        host: '127.0.0.1',
        port: 0,
        logger: pino({ level: 'silent' }),
      });
      const ask = (id: string) =>
        fetch(`${server.url}/watchOrder?orderID=${orderID}`, { headers: { 'last-event-id': id } });
      assert.match(
        await (await ask('2')).text(),
        /^id: 3\ndata: \{"seq":3,"status":"payed","at":"[^"]+"\}\n\nevent: end\n/,
      );
      assert.equal((await ask('3')).status, 204);
      await using transport = createHttpTransport(server.url, { userAgent: 'test' });
      assert.deepEqual(await watch(createClient(loms, transport), orderID, 1), ['2 awaiting payment', '3 payed']);
    }),
  );

  it(
    'refuses an order that does not exist before its first item',
    withLoms(async ({ client }) => {
      await assert.rejects(
        watch(client, 404n),
        (error) => failedWith(error, loms.methods.watchOrder, 'order_not_found') && error.details.orderID === 404n,
      );
    }),
  );

  it(
    'reads the changes of many watched orders together, and nothing when all have left',
    withLoms(async (fixture) => {
      const orderID = await order(fixture);
      const streams = Array.from({ length: 50 }, () => fixture.client.watchOrder({ orderID, afterSeq: 1 }));
      for (const items of streams) await items.next();
      const readings = () => fixture.statements.filter(({ name }) => name === 'read changes').length;
      const pending = streams.map((items) => items.next());
      const before = readings();
      await fixture.client.orderPayed({ orderID });
      for (const { value } of await Promise.all(pending)) assert.equal(value?.seq, 3);
      assert.ok(
        readings() - before < streams.length / 2,
        `${readings() - before} statements for ${streams.length} streams`,
      );
      for (const items of streams) assert.equal((await items.next()).done, true);
    }),
  );
});
