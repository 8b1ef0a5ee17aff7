import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, createHttpTransport, implement, serveHttp } from 'rpc-kit';
import { logScope, runInLogScope } from 'rpc-kit/logging';
import { shop } from './call-stubs.ts';

/** undici says on it that a connection was made. */
const CONNECTED = 'undici:client:connected';

describe('a connection to a peer', () => {
  it('outlives the call that opens it, and does not keep its log scope', async () => {
    const nothing = async () => ({});
    const service = implement(shop, { look: nothing, ring: nothing, buy: nothing });
    const options = { host: '127.0.0.1', port: 0, logger: pino({ level: 'silent' }), registry: new Registry() };
    await using server = await serveHttp(service, options);
    await using transport = createHttpTransport(server.url, { userAgent: 'test' });
    const scopes: unknown[] = [];
    const onConnected = (): void => void scopes.push(logScope());
    subscribe(CONNECTED, onConnected);
    const scope = { request_id: 'r1' };
    const scopeAfter = await runInLogScope(scope, async () => {
      await createClient(shop, transport).look({});
      return logScope();
    });
    unsubscribe(CONNECTED, onConnected);
    assert.deepEqual(scopes, [{}]);
    assert.deepEqual(scopeAfter, scope);
  });
});
