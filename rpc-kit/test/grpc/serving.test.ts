import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { Client, credentials, status } from '@grpc/grpc-js';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { fixedLimit, RpcError } from 'rpc-kit';
import { type GrpcServer, type GrpcServerOptions, serveGrpc } from 'rpc-kit/grpc';
import { grpcMetrics } from 'rpc-kit/metrics';
import sinon from 'sinon';
import { vendoredCodec } from '../../src/grpc/schema/vendored.ts';
import { TLS_FILES } from '../certificates.ts';
import { createGrpcJsClient, type ForeignClient } from './foreign-clients.ts';
import { callHeaders, END_HEADERS, frame, headerBlock, PREFACE, RawConnection, TYPE } from './raw-http2.ts';
import { codec, createSubject, type SubjectParts, serveSubject } from './subject.ts';

const SETTINGS = frame(TYPE.settings, 0, 0);
const ECHO = codec.byName.get('echo')?.path ?? '';
const HEALTH = '/grpc.health.v1.Health';
const healthRequest = vendoredCodec('grpc.health.v1.HealthCheckRequest');
const healthResponse = vendoredCodec('grpc.health.v1.HealthCheckResponse');
const toHealth = (service: string) => Buffer.from(healthRequest.encode({ service }));
const fromHealth = (bytes: Buffer) => (healthResponse.decode(bytes) as { status: string }).status;

describe('the gRPC server', () => {
  let stack: AsyncDisposableStack;
  let server: GrpcServer;
  let registry: Registry;
  beforeEach(() => {
    stack = new AsyncDisposableStack();
    registry = new Registry();
  });
  afterEach(() => stack[Symbol.asyncDispose]());

  async function serve(parts: SubjectParts = {}, options: Partial<GrpcServerOptions> = {}): Promise<void> {
    server = await serveSubject(parts, { metrics: grpcMetrics(registry), ...options });
    stack.defer(() => server.close(0));
  }
  const clientOf = (): ForeignClient => stack.use(createGrpcJsClient(server.port));

  function healthClient(channel = credentials.createInsecure(), host = '127.0.0.1'): Client {
    const client = new Client(`${host}:${server.port}`, channel);
    stack.defer(() => client.close());
    return client;
  }
  const check = (client: Client, service = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(`${HEALTH}/Check`, toHealth, fromHealth, service, (error, answer) =>
        error ? reject(error) : resolve(answer as string),
      );
    });

  describe('tells its health', () => {
    it('for its own name and for none, by the checks of /readyz', async () => {
      let ready = true;
      const readiness = {
        database: async () => {
          if (!ready) throw new Error('no connection');
        },
      };
      await serve({}, { readiness });
      const client = healthClient();
      assert.deepEqual([await check(client), await check(client, codec.serviceName)], ['SERVING', 'SERVING']);
      ready = false;
      assert.equal(await check(client), 'NOT_SERVING');
      await assert.rejects(check(client, 'other'), { code: status.NOT_FOUND });
    });

    it('to a watcher at once, when it changes, and when the server stops', async () => {
      let ready = false;
      const readiness = {
        database: async () => {
          if (!ready) throw new Error('no connection');
        },
      };
      await serve({}, { readiness });
      const seen: string[] = [];
      const items = healthClient().makeServerStreamRequest(`${HEALTH}/Watch`, toHealth, fromHealth, codec.serviceName);
      const ended = new Promise<{ code: number }>((resolve) => items.on('error', (error) => resolve(error as never)));
      items.on('data', (item: string) => {
        seen.push(item);
        if (seen.length === 1) ready = true;
        if (seen.length === 2) void server.close(1_000);
      });
      assert.equal((await ended).code, status.UNAVAILABLE);
      assert.deepEqual(seen, ['NOT_SERVING', 'SERVING', 'NOT_SERVING']);
    });

    it('of another service as unknown, and the watcher may wait for it', async () => {
      await serve();
      const items = healthClient().makeServerStreamRequest(`${HEALTH}/Watch`, toHealth, fromHealth, 'other');
      items.on('error', () => {});
      const [first] = await Promise.race([
        new Promise<[string]>((resolve) => items.on('data', (item) => resolve([item]))),
      ]);
      assert.equal(first, 'SERVICE_UNKNOWN');
      items.cancel();
    });

    it('to a watcher until its machine is gone, for which the kernel asks', async () => {
      const keepAlive = sinon.spy(Socket.prototype, 'setKeepAlive');
      stack.defer(() => keepAlive.restore());
      await serve();
      const connection = stack.use(new RawConnection(server.port));
      await connection.send(PREFACE, SETTINGS);
      await connection.until('its settings', () => connection.frames.length > 0);
      const asking = keepAlive.getCalls().filter(({ thisValue }) => thisValue.localPort === server.port);
      assert.deepEqual(
        asking.map(({ args }) => args),
        [[true, 60_000]],
      );
    });

    it('to as many watchers as the limit allows', async () => {
      await serve({}, { limits: { streamingMax: 1 } });
      const client = healthClient();
      const watch = () => client.makeServerStreamRequest(`${HEALTH}/Watch`, toHealth, fromHealth, '');
      const first = watch();
      first.on('error', () => {});
      await new Promise((resolve) => first.once('data', resolve));
      const second = watch();
      const error = await new Promise<{ code: number }>((resolve) =>
        second.on('error', (failed) => resolve(failed as never)),
      );
      assert.equal(error.code, status.UNAVAILABLE);
      first.cancel();
    });
  });

  describe('under load', () => {
    it('refuses a call by its headers: its message is never read', async () => {
      const admission = fixedLimit(1);
      const slot = admission.tryAcquire('normal', 1_000);
      let calls = 0;
      await serve({ onCall: () => calls++ }, { admission });
      const connection = stack.use(new RawConnection(server.port));
      await connection.send(PREFACE, SETTINGS, frame(TYPE.headers, END_HEADERS, 1, headerBlock(callHeaders(ECHO))));
      await connection.until('the refusal', () =>
        connection.frames.some(({ type, stream }) => type === TYPE.headers && stream === 1),
      );
      const client = clientOf();
      await assert.rejects(client.call('echo'), {
        code: status.UNAVAILABLE,
        message: 'The service is overloaded; the call had no effect',
      });
      assert.equal(calls, 0);
      const shed = await registry.getSingleMetric('rpc_server_shed_total')?.get();
      assert.equal(shed?.values.find(({ labels }) => labels.method === 'echo')?.value, 2);
      // Health is asked by those who decide whether to send more.
      assert.equal(await check(healthClient()), 'SERVING');
      slot?.release(false);
      assert.deepEqual((await client.call('echo')).message.list, []);
    });
  });

  describe('drains', () => {
    it('finishes the calls in flight, and names the last stream that it serves', async () => {
      const { promise: answer, resolve } = Promise.withResolvers<Record<string, never>>();
      let arrived = 0;
      await serve({ wait: () => answer, onCall: () => arrived++ });
      const waiting = clientOf().call('wait');
      const connection = stack.use(new RawConnection(server.port));
      const call = (id: number) => [
        frame(TYPE.headers, END_HEADERS, id, headerBlock(callHeaders(codec.byName.get('wait')?.path ?? ''))),
        frame(TYPE.data, 1, id, Buffer.alloc(5)),
      ];
      await connection.send(PREFACE, SETTINGS, ...call(1), ...call(3));
      await connection.until('the calls', () => arrived === 3);
      const closing = server.close(5_000);
      await connection.until('the GOAWAY', () => connection.goawayCode === 0);
      await connection.send(...call(5));
      resolve({});
      await connection.until('the end of the connection', () => connection.isClosed);
      const goaways = connection.frames.filter(({ type }) => type === TYPE.goaway);
      assert.deepEqual([...new Set(goaways.map(({ payload }) => payload.readUInt32BE(0)))], [3]);
      const answered = connection.frames.filter(({ type }) => type === TYPE.data).map(({ stream }) => stream);
      assert.deepEqual(answered, [1, 3]);
      await waiting;
      await closing;
      assert.equal(arrived, 3);
      await assert.rejects(clientOf().call('echo', { timeoutMs: 2_000 }), { code: status.UNAVAILABLE });
    });

    it('ends the streams of its methods and of health, whose callers come back elsewhere', async () => {
      await serve();
      const client = clientOf();
      const items = client.stream('count', { value: { to: 0 } })[Symbol.asyncIterator]();
      assert.deepEqual((await items.next()).value.number, 0);
      const unknown = healthClient().makeServerStreamRequest(`${HEALTH}/Watch`, toHealth, fromHealth, 'other');
      const ended = new Promise<{ code: number }>((resolve) => unknown.on('error', (error) => resolve(error as never)));
      await new Promise((resolve) => unknown.once('data', resolve));
      // Longer than a test may take: they end at once, and not by force.
      const closing = server.close(600_000);
      await assert.rejects(items.next(), { code: status.UNAVAILABLE });
      assert.equal((await ended).code, status.UNAVAILABLE);
      await closing;
    });

    it('destroys the connections that their clients keep open', async () => {
      await serve();
      const connection = stack.use(new RawConnection(server.port, false));
      await connection.send(PREFACE, SETTINGS);
      await connection.until('its settings', () => connection.frames.length > 0);
      const closing = server.close(100);
      await connection.until('the end of its other side', () => connection.isLeft);
      await closing;
    });

    it('cancels the calls that take longer than it waits', async () => {
      const { promise: cancelled, resolve } = Promise.withResolvers<unknown>();
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
      await serve({
        onCall(call) {
          call.signal.addEventListener('abort', () => resolve(call.signal.reason));
          arrive();
        },
      });
      const waiting = clientOf().call('wait');
      waiting.catch(() => {});
      await arrived;
      await server.close(100);
      assert.ok((await cancelled) instanceof RpcError);
      await assert.rejects(waiting);
    });
  });

  describe('by mutual TLS', () => {
    const { good, expired, foreign } = TLS_FILES;
    const channelOf = (files?: { cert: string; key: string }) =>
      credentials.createSsl(
        Buffer.from(good.ca),
        files ? Buffer.from(files.key) : null,
        files ? Buffer.from(files.cert) : null,
      );
    const echo = (client: Client): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const raw = (bytes: Buffer): Buffer => bytes;
        client.makeUnaryRequest(ECHO, raw, raw, Buffer.alloc(0), (error, bytes) =>
          error ? reject(error) : resolve(bytes),
        );
      });

    it('serves a client of its authority, and takes changed files for new connections', async () => {
      let files = good;
      await serve({}, { tls: () => files });
      assert.match(server.url, /^grpcs:/);
      await echo(healthClient(channelOf(good), 'localhost'));
      files = TLS_FILES.renewed;
      await echo(healthClient(channelOf(good), 'localhost'));
    });

    for (const [what, files, message] of [
      ['has expired', expired, /^The client certificate has expired/],
      ['is from another authority', foreign, /^The client certificate is not accepted/],
      ['is missing', undefined, /^Send a client certificate/],
    ] as const) {
      it(`refuses a call of a client whose certificate ${what}, and tells it its health`, async () => {
        await serve({}, { tls: () => good });
        const client = healthClient(channelOf(files), 'localhost');
        await assert.rejects(echo(client), (error: { code: number; details: string }) => {
          assert.equal(error.code, status.UNAUTHENTICATED);
          assert.match(error.details, message);
          return true;
        });
        assert.equal(await check(client), 'SERVING');
      });
    }

    it('closes a connection that is no TLS', async () => {
      await serve({}, { tls: () => good });
      const connection = stack.use(new RawConnection(server.port));
      await connection.send(PREFACE, SETTINGS);
      await connection.until('the end of the connection', () => connection.isClosed);
    });
  });

  it('refuses to start on a port in use, with limits out of range, and with a codec of another service', async () => {
    await serve();
    const logger = pino({ level: 'silent' });
    const options = { port: server.port, host: '127.0.0.1', logger, codec };
    await assert.rejects(serveGrpc(createSubject(), options), /in use: stop what listens there or choose another port/);
    await assert.rejects(serveGrpc(createSubject(), { ...options, limits: { callsMax: 0 } }), RangeError);
    const [method] = [...codec.methods.values()];
    assert.ok(method);
    const other = { ...codec, methods: new Map([['/x.Y/Z', { ...method, name: 'no_such' }]]) };
    await assert.rejects(serveGrpc(createSubject(), { ...options, codec: other }), /\/x\.Y\/Z is no method of subject/);
  });

  it('counts answers by path and status', async () => {
    await serve();
    const client = clientOf();
    await client.call('echo');
    await assert.rejects(client.call('refuse'));
    const text = await registry.metrics();
    assert.match(text, /^grpc_requests_total\{route="\/test\.subject\.v1\.SubjectService\/Echo",status="0"\} 1$/m);
    assert.match(text, /^grpc_requests_total\{route="\/test\.subject\.v1\.SubjectService\/Refuse",status="3"\} 1$/m);
  });
});
