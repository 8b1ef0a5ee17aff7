import assert from 'node:assert/strict';
import { RpcError } from 'rpc-kit';
import { eventually } from 'testing';
import { openGateway } from './gateway-fixture.ts';

describe('The access log of the gateway', () => {
  it('has a line at info for each request, and one at debug for a probe that went well', async () => {
    await using gateway = await openGateway({});
    for (const path of ['/healthz', '/readyz', '/metrics', '/v1/me']) await gateway.ask(path);
    const lines = () => gateway.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request');
    await eventually('each request is logged', () => lines().length === 4);
    assert.deepEqual(
      lines().map(({ level, route, status }) => [level, route, status]),
      [
        [20, '/healthz', 200],
        [20, '/readyz', 200],
        [20, '/metrics', 200],
        [30, '/v1/me', 401],
      ],
    );
  });

  it('says in one line without a stack why a service did not answer, which the client does not learn', async () => {
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:8083');
    const fail = async (): Promise<never> => {
      throw new RpcError('unavailable', 'products cannot be reached', { cause });
    };
    await using gateway = await openGateway({ products: { list_products: fail } });
    const { status, body } = await gateway.ask('/v1/products');
    assert.equal(status, 503);
    assert.doesNotMatch(JSON.stringify(body), /products|ECONNREFUSED/);
    const lines = gateway.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'a request failed');
    assert.deepEqual(
      lines.map(({ level, route, code, why, because, err }) => [level, route, code, why, because, err]),
      [[40, '/v1/products', 'unavailable', 'products cannot be reached', cause.message, undefined]],
    );
  });
});
