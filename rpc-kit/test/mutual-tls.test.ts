import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { pino } from 'pino';
import {
  type Client,
  createBalancer,
  createClient,
  createHttpTransport,
  dnsEndpoints,
  fixedLimit,
  type HttpServer,
  implement,
  RpcError,
  serveHttp,
  type TlsFiles,
  type TlsSource,
} from 'rpc-kit';
import type { HttpServerOptions } from '../src/http/server/server.ts';
import { shop } from './call-stubs.ts';
import { BOTH_AUTHORITIES, FOREIGN_AUTHORITY, TLS_FILES } from './certificates.ts';

const { good, renewed, expired, misnamed, foreign } = TLS_FILES;
const logger = pino({ level: 'silent' });
const at =
  (files: TlsFiles): TlsSource =>
  () =>
    files;

describe('mutual TLS', () => {
  let open: AsyncDisposableStack;
  let executed: number;
  beforeEach(() => {
    open = new AsyncDisposableStack();
    executed = 0;
  });
  afterEach(() => open[Symbol.asyncDispose]());

  async function serve(tls: TlsSource | undefined, options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
    const answer = async (): Promise<Record<string, never>> => {
      executed += 1;
      return {};
    };
    const service = implement(shop, { look: answer, buy: answer, ring: answer });
    const server = await serveHttp(service, { port: 0, host: '127.0.0.1', logger, tls, ...options });
    open.defer(() => server.close(0));
    return server;
  }

  function clientOf(url: string, tls?: TlsSource, face: 'rpc' | 'plain' = 'rpc'): Client<typeof shop.methods> {
    return createClient(shop, open.use(createHttpTransport(url, { userAgent: 'test/1', tls, face })));
  }

  /** The failure of three concurrent calls, which is one and the same; alone it travels without a batch. */
  async function failureOf(client: Client<typeof shop.methods>): Promise<RpcError> {
    const settled = await Promise.allSettled([client.ring({}), client.ring({}), client.ring({})]);
    const errors = settled.map((result) => (result as PromiseRejectedResult).reason as RpcError);
    const [first] = errors;
    assert.ok(first instanceof RpcError);
    for (const error of errors) assert.equal(String(error.cause), String(first.cause));
    return first;
  }

  const causeOf = ({ code, message, neverSent, cause }: RpcError) => ({
    code,
    message,
    neverSent,
    cause: cause instanceof Error ? cause.message : cause,
  });

  for (const face of ['rpc', 'plain'] as const) {
    it(`carries calls of a client and a server that know each other (face ${face})`, async () => {
      const { url } = await serve(at(good));
      assert.match(url, /^https:/);
      const client = clientOf(url, at(renewed), face);
      assert.deepEqual(await Promise.all([client.look({}), client.ring({})]), [{}, {}]);
    });
  }

  const refusedServers: readonly (readonly [what: string, files: TlsFiles, cause: RegExp])[] = [
    ['has expired', expired, /^shop cannot be called: its certificate has expired: renew it$/],
    [
      'is from another authority',
      foreign,
      /^shop cannot be called: its certificate is not from an authority that this/,
    ],
    [
      'has another name',
      misnamed,
      /^shop cannot be called: its certificate names DNS:notifications, and not 127\.0\.0\.1: call it by one/,
    ],
  ];
  for (const [what, files, cause] of refusedServers) {
    it(`a server whose certificate ${what} gets no call, and the log of its caller says so`, async () => {
      const { url } = await serve(at(files));
      const error = causeOf(await failureOf(clientOf(url, at(good))));
      assert.match(String(error.cause), cause);
      assert.deepEqual(
        { ...error, cause: '' },
        { code: 'unavailable', message: 'shop cannot be reached', neverSent: true, cause: '' },
      );
      assert.equal(executed, 0);
    });
  }

  const refusedClients: readonly (readonly [what: string, files: Partial<TlsFiles>, answer: string])[] = [
    ['has expired', expired, 'The client certificate has expired: renew it'],
    [
      'is from another authority',
      foreign,
      'The client certificate is not accepted (UNABLE_TO_VERIFY_LEAF_SIGNATURE): it has to come from an authority that this service trusts',
    ],
    [
      'is missing',
      { cert: undefined, key: undefined } as never,
      'Send a client certificate: this service requires mutual TLS',
    ],
  ];
  for (const [what, files, answer] of refusedClients) {
    for (const face of ['rpc', 'plain'] as const) {
      it(`a client whose certificate ${what} has no call executed, and its own log says so (face ${face})`, async () => {
        const { url } = await serve(at(good));
        const tls = at({ ...good, ...files, ca: good.ca });
        assert.deepEqual(causeOf(await failureOf(clientOf(url, tls, face))), {
          code: 'unavailable',
          message: 'shop cannot be reached',
          neverSent: true,
          cause: `shop cannot be called: it answers "${answer}"`,
        });
        assert.equal(executed, 0);
      });
    }
  }

  it('a call by http to an https port is refused with a sentence, at both sides', async () => {
    const { port } = await serve(at(good));
    const error = await failureOf(clientOf(`http://127.0.0.1:${port}`));
    assert.deepEqual(causeOf(error), {
      code: 'unavailable',
      message: 'shop cannot be reached',
      neverSent: true,
      cause:
        'shop cannot be called: it answers "This port takes https only: call it by https with a client certificate"',
    });
    const answered = await new Promise<[number | undefined, string]>((resolve, reject) => {
      httpRequest({ port, host: '127.0.0.1', path: '/healthz' }, async (response) => {
        resolve([response.statusCode, await text(response)]);
      })
        .on('error', reject)
        .end();
    });
    const { error: body } = JSON.parse(answered[1]);
    assert.deepEqual([answered[0], body.code, body.reason], [400, 'invalid_request', 'mutual_tls_required']);
  });

  it('a call by https to an http port was never sent, and the log says what to change', async () => {
    const { port } = await serve(undefined);
    const error = causeOf(await failureOf(clientOf(`https://127.0.0.1:${port}`, at(good))));
    assert.equal(error.neverSent, true);
    assert.equal(
      error.cause,
      'shop cannot be called: its port does not speak TLS: call it by http, or turn on TLS there',
    );
  });

  it('serves its probes to clients without a certificate, and nothing else', async () => {
    const { port } = await serve(at(good));
    const statuses = await Promise.all(
      ['/healthz', '/readyz', '/metrics', '/docs', '/openapi.json', '/', '/look', '/rpc'].map(async (path) => {
        const [status] = await get(port, path, { ca: good.ca });
        return `${path} ${status}`;
      }),
    );
    assert.deepEqual(statuses, [
      '/healthz 200',
      '/readyz 200',
      '/metrics 200',
      '/docs 401',
      '/openapi.json 401',
      '/ 401',
      '/look 401',
      '/rpc 401',
    ]);
  });

  it('names itself by https in its own documents, and a page of its own origin may call it', async () => {
    const { port } = await serve(at(good));
    const [, document] = await get(port, '/openrpc.json', good);
    assert.equal(JSON.parse(document).servers[0].url, `https://127.0.0.1:${port}/rpc`);
    const own = { ...good, headers: { origin: `https://127.0.0.1:${port}` } };
    assert.equal((await get(port, '/openrpc.json', own))[0], 200);
    const other = { ...good, headers: { origin: `http://127.0.0.1:${port}` } };
    assert.equal((await get(port, '/openrpc.json', other))[0], 403);
  });

  it('speaks TLS 1.3, and 1.2 at the least', async () => {
    const { port } = await serve(at(good));
    const versionWith = async (options: object): Promise<string | null> => {
      const socket = connectTls({ port, host: '127.0.0.1', ...good, ...options });
      await once(socket, 'secureConnect');
      const version = socket.getProtocol();
      socket.destroy();
      return version;
    };
    assert.equal(await versionWith({}), 'TLSv1.3');
    assert.equal(await versionWith({ maxVersion: 'TLSv1.2' }), 'TLSv1.2');
    await assert.rejects(versionWith({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }));
  });

  describe('bounds handshakes', () => {
    /** A connection on which no handshake begins. */
    function linger(port: number): { socket: Socket; closed: Promise<unknown> } {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      open.defer(() => void socket.destroy());
      return { socket, closed: once(socket.resume(), 'close') };
    }

    it('in time: one that does not complete is closed', async () => {
      const { port } = await serve(at(good), { limits: { handshakeTimeoutMs: 50 } });
      await linger(port).closed;
      const halfway = linger(port);
      // The head of a record of the handshake, without its content (RFC 8446, section 5.1).
      halfway.socket.write(Buffer.from([0x16, 3, 1, 2, 0]));
      await halfway.closed;
    });

    it('in number: the oldest gives way to a new one, and callers still get through', async () => {
      const { port, url } = await serve(at(good), { limits: { handshakesMax: 3, handshakeTimeoutMs: 60_000 } });
      const lingering = [linger(port), linger(port), linger(port)];
      await Promise.all(lingering.map(({ socket }) => once(socket, 'connect')));
      assert.deepEqual(await clientOf(url, at(good)).look({}), {});
      await lingering[0]?.closed;
      assert.equal(lingering[2]?.socket.destroyed, false);
    });

    it('and not connections whose handshake is complete', async () => {
      const { port } = await serve(at(good), { limits: { handshakesMax: 1 } });
      const agent = new Agent({ ...good, keepAlive: true, maxSockets: 1 });
      open.defer(() => agent.destroy());
      const [, , first] = await get(port, '/healthz', { agent });
      for (let times = 0; times < 3; times++) await get(port, '/healthz', good);
      const [status, , again] = await get(port, '/healthz', { agent });
      assert.equal(status, 200);
      assert.equal(again, first);
    });
  });

  it('answers a connection beyond the limit with 503, over TLS', async () => {
    const { port } = await serve(at(good), { limits: { connectionsMax: 1 } });
    const agent = new Agent({ ...good, keepAlive: true, maxSockets: 1 });
    open.defer(() => agent.destroy());
    assert.equal((await get(port, '/healthz', { agent }))[0], 200);
    const [status, body] = await get(port, '/healthz', good);
    assert.deepEqual([status, JSON.parse(body).error.reason], [503, 'overloaded']);
  });

  it('tells a full service from a missing certificate', async () => {
    const { port } = await serve(at(good), { admission: { ...fixedLimit(1), hasRoom: () => false } });
    assert.equal((await get(port, '/look', good))[0], 503);
    assert.equal((await get(port, '/look', {}))[0], 401);
  });

  it('takes changed files at once for new connections, and keeps open ones', async () => {
    let files = good;
    const { port } = await serve(() => files);
    const agent = new Agent({ ...good, keepAlive: true, maxSockets: 1 });
    open.defer(() => agent.destroy());
    const serialOf = (socket: TLSSocket): string | undefined => socket.getPeerX509Certificate()?.serialNumber;
    const [, , before] = await get(port, '/docs', { agent });
    files = renewed;
    const [status, , same] = await get(port, '/docs', { agent });
    assert.deepEqual([status, same === before], [200, true]);
    const [, , after] = await get(port, '/docs', good);
    assert.notEqual(serialOf(after), serialOf(before));
    files = { ...renewed, ca: FOREIGN_AUTHORITY };
    assert.equal((await get(port, '/docs', good))[0], 401);
  });

  it('changes its authority under load without a failed call', async () => {
    const files = { server: { ...good, ca: good.ca }, client: { ...good, ca: good.ca } };
    const { url } = await serve(() => files.server);
    // Few connections that are never idle would hide new handshakes, so each client opens its own.
    const failures: unknown[] = [];
    let answered = 0;
    let isDone = false;
    const customers = Array.from({ length: 8 }, async () => {
      while (!isDone) {
        const transport = createHttpTransport(url, { userAgent: 'test/1', tls: () => files.client, connections: 2 });
        const client = createClient(shop, transport);
        await Promise.all([client.ring({}), client.look({})]).then(
          () => {
            answered += 2;
          },
          (error) => failures.push(error),
        );
        await transport[Symbol.asyncDispose]();
      }
    });
    const answerSome = async (): Promise<void> => {
      const goal = answered + 40;
      while (answered < goal && failures.length === 0) await new Promise((resolve) => setImmediate(resolve));
    };
    await answerSome();
    // Both trust both, then each shows a certificate of the new authority, then the old one is dropped.
    files.server = { ...good, ca: BOTH_AUTHORITIES };
    files.client = { ...good, ca: BOTH_AUTHORITIES };
    await answerSome();
    files.server = { ...foreign, ca: BOTH_AUTHORITIES };
    await answerSome();
    files.client = { ...foreign, ca: BOTH_AUTHORITIES };
    await answerSome();
    files.server = { ...foreign, ca: FOREIGN_AUTHORITY };
    files.client = { ...foreign, ca: FOREIGN_AUTHORITY };
    await answerSome();
    isDone = true;
    await Promise.all(customers);
    assert.deepEqual(failures, []);
    assert.equal(executed, answered);
  });

  it('calls every address of a name, and checks the name and not the address', async () => {
    const tls = at(good);
    const named = at({ ...renewed });
    const first = await serve(tls);
    const second = await serve(tls, { port: first.port, host: '127.0.0.2' });
    const hosts: unknown[] = [];
    const endpoints = dnsEndpoints(`https://loms:${first.port}`, { resolve: async () => ['127.0.0.1', '127.0.0.2'] });
    const joined = Promise.withResolvers<void>();
    await using balancer = createBalancer({
      endpoints,
      connect: (url) => createHttpTransport(url, { userAgent: 'test/1', tls: named, host: `loms:${first.port}` }),
      on: {
        join: ({ endpoint }) => hosts.push(endpoint),
        leave: () => joined.resolve(),
      },
    });
    await joined.promise;
    assert.deepEqual(hosts.slice(1), [`https://127.0.0.1:${first.port}`, `https://127.0.0.2:${second.port}`]);
    const client = createClient(shop, balancer);
    for (let calls = 0; calls < 20; calls++) await client.ring({});
    assert.equal(executed, 20);
    // 127.0.0.2 is none of the certificate's names, so the address alone is refused.
    assert.match(
      String((await failureOf(clientOf(second.url, tls))).cause),
      /its certificate names DNS:loms, .* and not /,
    );
    const misled = createHttpTransport(first.url, { userAgent: 'test/1', tls, host: `products:${first.port}` });
    assert.match(
      String((await failureOf(createClient(shop, open.use(misled)))).cause),
      /its certificate names DNS:loms, .* and not /,
    );
  });
});

function get(
  port: number,
  path: string,
  options: object,
): Promise<[status: number | undefined, body: string, socket: TLSSocket]> {
  return new Promise((resolve, reject) => {
    const method = path === '/rpc' || path === '/look' ? 'POST' : 'GET';
    const request = httpsRequest(
      { port, host: '127.0.0.1', path, method, agent: false, ca: good.ca, ...options },
      async (response) => {
        const socket = response.socket as TLSSocket;
        resolve([response.statusCode, await text(response), socket]);
      },
    );
    request.on('error', reject);
    request.end();
  });
}
