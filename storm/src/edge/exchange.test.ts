import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RpcError } from 'rpc-kit';
import { createExchange, type Exchange } from './exchange.ts';

/** A gateway that answers everything with this. */
async function withGateway(
  [status, body, headers = {}]: [number, string, Record<string, string>?],
  use: (exchange: Exchange) => Promise<void>,
): Promise<void> {
  const server = createServer((_request, response) => response.writeHead(status, headers).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(createExchange(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'tests'));
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const request = { method: 'GET', path: '/orders', signal: new AbortController().signal } as const;

describe('An exchange with the gateway', () => {
  it('turns ids and statuses into those of the services', () =>
    withGateway(
      [200, '{"items":[{"orderID":"9223372036854775807","status":"paid"}],"nextCursor":"12","sessionID":"12"}'],
      async (exchange) => {
        const items = [{ orderID: 9_223_372_036_854_775_807n, status: 'payed' }];
        assert.deepEqual(await exchange(request), { items, nextCursor: '12', sessionID: '12' });
      },
    ));

  it('rejects with the code, the reason and the details of a refusal', () =>
    withGateway(
      [
        409,
        '{"error":{"code":"failed_precondition","reason":"order_not_payable","message":"no","details":{"status":"paid"}}}',
      ],
      async (exchange) => {
        await assert.rejects(exchange(request), (error) => {
          assert.ok(error instanceof RpcError);
          assert.deepEqual([error.code, error.reason], ['failed_precondition', 'order_not_payable']);
          assert.deepEqual(error.details, { status: 'payed' });
          return true;
        });
      },
    ));

  it('rejects with the pause that the gateway asks for', () =>
    withGateway(
      [429, '{"error":{"code":"resource_exhausted","message":"slow down"}}', { 'retry-after': '2' }],
      async (exchange) => {
        await assert.rejects(exchange(request), { code: 'resource_exhausted', retryAfterMs: 2_000 });
      },
    ));

  it('rejects as unavailable where nothing answers', async () => {
    await assert.rejects(createExchange('http://127.0.0.1:9', 'tests')(request), { code: 'unavailable' });
  });
});
