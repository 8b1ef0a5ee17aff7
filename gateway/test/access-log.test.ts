import assert from 'node:assert/strict';
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
});
