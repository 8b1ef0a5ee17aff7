import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import {
  createCircuitBreaker,
  createHttpTransport,
  implement,
  serveHttp,
  type TlsFiles,
  type Transport,
} from 'rpc-kit';
import { createGrpcTransport, createServiceCodec, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { callOf, shop } from './call-stubs.ts';
import { TLS_FILES } from './certificates.ts';

const logger = pino({ level: 'silent' });
const codec = createServiceCodec(shop, updateLock({ package: 'test', services: {} }, [shop]));
const userAgent = 'customer/1';
const BASIC = `Basic ${Buffer.from('u:p').toString('base64')}`;

describe('the question whether a peer is ready', () => {
  let open: AsyncDisposableStack;
  beforeEach(() => {
    open = new AsyncDisposableStack();
  });
  afterEach(() => open[Symbol.asyncDispose]());

  /** @returns the port */
  async function listen(handle: RequestListener): Promise<number> {
    const server = createServer(handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.defer(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    return (server.address() as AddressInfo).port;
  }

  function httpTo(url: string, options = {}): Transport {
    return open.use(createHttpTransport(url, { userAgent, ...options }));
  }

  const ask = (transport: Transport, signal = new AbortController().signal): Promise<boolean> | undefined =>
    transport.askReadiness?.(signal);

  it("is GET /readyz below the URL's path, with its query, its userinfo and the name of the peer", async () => {
    const requests: unknown[] = [];
    const port = await listen(({ method, url, headers }, response) => {
      requests.push([method, url, headers.authorization, headers['user-agent'], headers.host]);
      response.end('{}');
    });
    const transport = httpTo(`http://u:p@127.0.0.1:${port}/base/?x=1`, { host: 'shop:8080' });
    assert.equal(await ask(transport), true);
    assert.deepEqual(requests, [['GET', '/base/readyz?x=1', BASIC, userAgent, 'shop:8080']]);
  });

  it('is answered with no by every status but 2xx, whatever the body', async () => {
    let status = 200;
    const port = await listen((_request, response) => response.writeHead(status).end('x'.repeat(100_000)));
    const transport = httpTo(`http://127.0.0.1:${port}`);
    for (const [given, expected] of [
      [204, true],
      [302, false],
      [404, false],
      [503, false],
      [200, true],
    ] as const) {
      status = given;
      assert.equal(await ask(transport), expected, `${given}`);
    }
  });

  it('does not wait for calls that use every connection', async () => {
    const arrived = Promise.withResolvers<void>();
    const port = await listen(({ url }, response) => {
      if (url === '/readyz') response.end();
      else arrived.resolve();
    });
    const transport = httpTo(`http://127.0.0.1:${port}`, { connections: 1 });
    const caller = new AbortController();
    const call = transport.call(callOf({ signal: caller.signal })).catch(() => {});
    await arrived.promise;
    assert.equal(await ask(transport), true);
    caller.abort();
    await call;
  });

  it('fails when the peer cannot be reached, is silent or closes the connection', async () => {
    const gone = httpTo('http://127.0.0.1:1');
    await assert.rejects(async () => ask(gone), { code: 'unavailable', message: 'the peer cannot be reached' });
    const silentPort = await listen(() => {});
    const silent = httpTo(`http://127.0.0.1:${silentPort}`);
    await assert.rejects(async () => ask(silent, AbortSignal.timeout(20)), { code: 'cancelled' });
    const rudePort = await listen(({ socket }) => socket.destroy());
    const rude = httpTo(`http://127.0.0.1:${rudePort}`);
    await assert.rejects(async () => ask(rude), { code: 'unavailable', message: 'The connection to the peer broke' });
  });

  it('passes an open circuit breaker', async () => {
    let isReady = false;
    const port = await listen(({ method }, response) => {
      if (method === 'GET' && isReady) response.end();
      else response.writeHead(500).end();
    });
    const guarded = createCircuitBreaker({ failuresMax: 1 }).guard(httpTo(`http://127.0.0.1:${port}`) as never);
    await assert.rejects(guarded.call(callOf()));
    await assert.rejects(guarded.call(callOf()), { neverSent: true });
    assert.equal(await ask(guarded), false);
    isReady = true;
    assert.equal(await ask(guarded), true);
  });

  it('verifies the certificate of an https peer', async () => {
    const service = implement(shop, { look: async () => ({}), buy: async () => ({}), ring: async () => ({}) });
    const askAt = async (files: TlsFiles): Promise<boolean | undefined> => {
      const { url } = open.use(await serveHttp(service, { host: '127.0.0.1', port: 0, logger, tls: () => files }));
      return await ask(httpTo(url, { tls: () => TLS_FILES.good }));
    };
    assert.equal(await askAt(TLS_FILES.renewed), true);
    await assert.rejects(askAt(TLS_FILES.misnamed), { code: 'unavailable' });
  });

  it('is Check of grpc.health.v1 over gRPC', async () => {
    let isReady = true;
    const readiness = {
      door: async () => {
        if (!isReady) throw new Error('The door is closed');
      },
    };
    const service = implement(shop, { look: async () => ({}), buy: async () => ({}), ring: async () => ({}) });
    const options = { host: '127.0.0.1', port: 0, logger, codec, readiness };
    const { url, close } = open.use(await serveGrpc(service, options));
    const transport = open.use(createGrpcTransport(url.replace('://', '://u:p@'), { userAgent, codec }));
    assert.equal(await ask(transport), true);
    isReady = false;
    assert.equal(await ask(transport), false);
    await assert.rejects(async () => ask(transport, AbortSignal.abort()), { code: 'cancelled' });
    await close(0);
    await assert.rejects(async () => ask(transport), { code: 'unavailable' });
  });
});
