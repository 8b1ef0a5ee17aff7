import assert from 'node:assert/strict';
import { pino } from 'pino';
import { createClient, createHttpTransport, fail, type Interceptor, implement, serveHttp } from 'rpc-kit';
import { shop } from './call-stubs.ts';

describe('the interceptors of a client and of the server that it calls', () => {
  it('wrap the call in their order, the first of each side outermost, even when it fails', async () => {
    const log: string[] = [];
    const noted =
      (name: string): Interceptor =>
      (next) =>
      async (call) => {
        log.push(`${name} >`);
        try {
          return await next(call);
        } finally {
          log.push(`< ${name}`);
        }
      };
    const answer = async () => {
      log.push('handler');
      return {};
    };
    const buy = async () => {
      log.push('handler');
      throw fail(shop.methods.buy, 'sold_out');
    };
    const service = implement(
      shop,
      { look: answer, ring: answer, buy },
      { interceptors: [noted('server 1'), noted('server 2')] },
    );
    await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }) });
    await using transport = createHttpTransport(server.url, { userAgent: 'test' });
    const client = createClient(shop, transport, { interceptors: [noted('client 1'), noted('client 2')] });
    const expected = [
      'client 1 >',
      'client 2 >',
      'server 1 >',
      'server 2 >',
      'handler',
      '< server 2',
      '< server 1',
      '< client 2',
      '< client 1',
    ];

    await client.look({});
    assert.deepEqual(log.splice(0), expected);
    await assert.rejects(client.buy({}), { reason: 'sold_out' });
    assert.deepEqual(log, expected);
  });
});
