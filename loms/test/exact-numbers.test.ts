import assert from 'node:assert/strict';
import { pino } from 'pino';
import { type HttpServer, serveHttp } from 'rpc-kit';
import { type Loms, withLoms } from './loms-fixture.ts';

const SKU = 4_294_967_295;
const logger = pino({ level: 'silent' });

/** A loms behind HTTP whose next order is the second but last one that int64 has. */
function withServer(test: (loms: Loms, server: HttpServer) => Promise<void>): () => Promise<void> {
  return withLoms(async (loms) => {
    await loms.query('ALTER TABLE orders ALTER COLUMN order_id RESTART WITH 9223372036854775806');
    await loms.supply(SKU, { '9223372036854775807': 3 });
    await using server = await serveHttp(loms.service, { host: '127.0.0.1', port: 0, logger });
    await test(loms, server);
  });
}

/** Sends and answers text: nothing in between may know of numbers. */
async function post(server: HttpServer, path: string, body: string): Promise<string> {
  const headers = { 'content-type': 'application/json', 'x-request-id': 'exact' };
  const answer = await fetch(`${server.url}${path}`, { method: 'POST', headers, body });
  return answer.text();
}

describe('Numbers in JSON text', () => {
  it(
    'keep every digit on the plain face',
    withServer(async (loms, server) => {
      const call = (method: string, body: string) => post(server, `/${method}`, body);
      const wanted = `{"user":9223372036854775807,"items":[{"sku":${SKU},"count":2}]}`;
      assert.equal(await call('createOrder', wanted), '{"orderID":9223372036854775806}');
      assert.equal(
        await call('listOrder', '{"orderID":9223372036854775806}'),
        `{"status":"awaiting payment","user":9223372036854775807,"items":[{"sku":${SKU},"count":2}]}`,
      );
      assert.equal(
        await call('stocks', `{"sku":${SKU}}`),
        '{"stocks":[{"warehouseID":9223372036854775807,"count":1}]}',
      );
      assert.equal(
        await call('createOrder', `{"user":-9223372036854775808,"items":[{"sku":${SKU},"count":2}]}`),
        '{"error":{"code":"failed_precondition","reason":"out_of_stock","message":"Not enough goods are on sale",' +
          `"details":{"orderID":9223372036854775807,"shortages":[{"sku":${SKU},"requested":2,"available":1}]},` +
          '"requestId":"exact"}}',
      );
      assert.equal(
        await call('listOrder', '{"orderID":9223372036854775807}'),
        `{"status":"failed","user":-9223372036854775808,"items":[{"sku":${SKU},"count":2}]}`,
      );
      assert.equal(await call('orderPayed', '{"orderID":9223372036854775806}'), '{}');

      await loms.supply(7, { 1: 18446744073709551615n, '-9223372036854775808': 18446744073709551615n });
      const stocks = (count: string) =>
        `{"stocks":[{"warehouseID":-9223372036854775808,"count":${count}},{"warehouseID":1,"count":18446744073709551615}]}`;
      assert.equal(await call('stocks', '{"sku":7}'), stocks('18446744073709551615'));
      await loms.query('ALTER TABLE orders ALTER COLUMN order_id RESTART WITH 9007199254740993');
      assert.equal(
        await call('createOrder', '{"user":0,"items":[{"sku":7,"count":1}]}'),
        '{"orderID":9007199254740993}',
      );
      assert.equal(await call('stocks', '{"sku":7}'), stocks('18446744073709551614'));

      const adjust = (delta: string) =>
        call(
          'adjustStock',
          `{"sku":8,"warehouseID":-9223372036854775808,"delta":${delta},"idempotencyKey":"${delta}"}`,
        );
      assert.equal(await adjust('9223372036854775807'), '{"onSale":9223372036854775807}');
      assert.equal(await adjust('9223372036854775806'), '{"onSale":18446744073709551613}');
      assert.equal(
        await adjust('3'),
        '{"error":{"code":"failed_precondition","reason":"stock_too_large",' +
          '"message":"The stock of one sku in one warehouse would exceed 18446744073709551615",' +
          '"details":{"sku":8,"warehouseID":-9223372036854775808,"onSale":18446744073709551613},"requestId":"exact"}}',
      );
      assert.equal(await adjust('-9223372036854775808'), '{"onSale":9223372036854775805}');
    }),
  );

  it(
    'keep every digit in JSON-RPC',
    withServer(async (_loms, server) => {
      // The order of an answer's members is its own affair.
      const call = async (method: string, params: string, expected: string) => {
        const body = `{"jsonrpc":"2.0","id":9007199254740993,"method":"${method}","params":${params}}`;
        const answer = await post(server, '/rpc', body);
        for (const member of ['"id":9007199254740993', expected]) {
          assert.ok(answer.includes(member), `${answer} should include ${member}`);
        }
      };
      await call(
        'createOrder',
        `[9223372036854775807,[{"sku":${SKU},"count":1}]]`,
        '"result":{"orderID":9223372036854775806}',
      );
      await call(
        'listOrder',
        '[9223372036854775806]',
        `"result":{"status":"awaiting payment","user":9223372036854775807,"items":[{"sku":${SKU},"count":1}]}`,
      );
      await call('cancelOrder', '{"orderID":-9223372036854775808}', '"details":{"orderID":-9223372036854775808}');
    }),
  );

  it(
    'that are outside their type are refused, and nothing is rounded into it',
    withServer(async (loms, server) => {
      const outside = [
        ['createOrder', `{"user":9223372036854775808,"items":[{"sku":1,"count":1}]}`, 'user'],
        ['createOrder', `{"user":-9223372036854775809,"items":[{"sku":1,"count":1}]}`, 'user'],
        ['createOrder', `{"user":1.5,"items":[{"sku":1,"count":1}]}`, 'user'],
        ['createOrder', `{"user":"1","items":[{"sku":1,"count":1}]}`, 'user'],
        ['createOrder', '{"user":1,"items":[{"sku":4294967296,"count":1}]}', 'items/0/sku'],
        ['createOrder', '{"user":1,"items":[{"sku":-1,"count":1}]}', 'items/0/sku'],
        ['createOrder', '{"user":1,"items":[{"sku":1,"count":65536}]}', 'items/0/count'],
        ['createOrder', '{"user":1,"items":[{"sku":1,"count":0}]}', 'items/0/count'],
        ['createOrder', '{"user":1,"items":[{"sku":1,"count":1.5}]}', 'items/0/count'],
        ['createOrder', '{"user":1,"items":[]}', 'items'],
        ['orderPayed', '{"orderID":9223372036854775808}', 'orderID'],
        ['cancelOrder', '{"orderID":1e400}', 'orderID'],
        ['listOrder', '{"orderID":null}', 'orderID'],
        ['listOrders', '{"user":9223372036854775808}', 'user'],
        ['listOrders', '{"user":1,"limit":1e9}', 'limit'],
        ['adjustStock', '{"sku":1,"warehouseID":1,"delta":9223372036854775808,"idempotencyKey":"k"}', 'delta'],
        ['adjustStock', '{"sku":1,"warehouseID":1,"delta":0.5,"idempotencyKey":"k"}', 'delta'],
        ['adjustStock', '{"sku":4294967296,"warehouseID":1,"delta":1,"idempotencyKey":"k"}', 'sku'],
        ['stocks', '{"sku":4294967296}', 'sku'],
      ] as const;
      for (const [method, body, path] of outside) {
        const { error } = JSON.parse(await post(server, `/${method}`, body));
        assert.equal(error.code, 'invalid_params', body);
        assert.equal(error.details.issues[0].path, path, body);
      }
      assert.deepEqual(await loms.orderCounts(), {});
    }),
  );
});
