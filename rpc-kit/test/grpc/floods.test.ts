import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { GRPC_LIMITS, type GrpcServer, type GrpcServerOptions } from 'rpc-kit/grpc';
import { grpcMetrics } from 'rpc-kit/metrics';
import { frameMessage } from '../../src/grpc/framing.ts';
import { vendoredCodec } from '../../src/grpc/schema/vendored.ts';
import { ECHO_PATH, goodMessage } from './bad-input.ts';
import { createGrpcJsClient } from './foreign-clients.ts';
import { callHeaders, END_HEADERS, END_STREAM, frame, headerBlock, PREFACE, RawConnection, TYPE } from './raw-http2.ts';
import { codec, serveSubject } from './subject.ts';

const SETTINGS = frame(TYPE.settings, 0, 0);
const reflectionRequest = vendoredCodec('grpc.reflection.v1.ServerReflectionRequest');
const WAIT_PATH = codec.byName.get('wait')?.path ?? '';
const PROTOCOL_ERROR = 1;
const REFUSED_STREAM = 7;
const CANCEL = 8;
const ENHANCE_YOUR_CALM = 11;

const open = (stream: number, path = ECHO_PATH, flags = END_HEADERS, others = {}): Buffer =>
  frame(TYPE.headers, flags, stream, headerBlock(callHeaders(path, others)));
const data = (stream: number, bytes: Buffer, flags = END_STREAM): Buffer => frame(TYPE.data, flags, stream, bytes);
const reset = (stream: number): Buffer => {
  const code = Buffer.alloc(4);
  code.writeUInt32BE(CANCEL);
  return frame(TYPE.rstStream, 0, stream, code);
};
/** Client streams have odd numbers. */
const ids = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + 2 * index);

describe('hostile HTTP/2', () => {
  let stack: AsyncDisposableStack;
  let registry: Registry;
  let server: GrpcServer;
  let running: number;
  beforeEach(() => {
    stack = new AsyncDisposableStack();
    registry = new Registry();
    running = 0;
  });
  afterEach(() => stack[Symbol.asyncDispose]());

  async function serve(limits: GrpcServerOptions['limits'] = {}): Promise<void> {
    server = await serveSubject(
      {
        onCall(call) {
          running += 1;
          call.signal.addEventListener('abort', () => {
            running -= 1;
          });
        },
      },
      { metrics: grpcMetrics(registry), limits },
    );
    stack.defer(() => server.close(0));
  }
  const connect = (): RawConnection => stack.use(new RawConnection(server.port));

  /** The process still answers a good call, and has forgotten the hostile ones. */
  async function isAlive(): Promise<void> {
    using client = createGrpcJsClient(server.port);
    assert.equal((await client.call('echo', { value: { text: 'still here' } })).message.text, 'still here');
  }
  const countOf = async (kind: string): Promise<number> => {
    const { values } = (await registry.getSingleMetric('grpc_errors_total')?.get()) ?? { values: [] };
    return values.find(({ labels }) => labels.kind === kind)?.value ?? 0;
  };
  const openStreams = async (): Promise<number> =>
    (await registry.getSingleMetric('grpc_streams_open')?.get())?.values[0]?.value ?? Number.NaN;

  const broken: readonly (readonly [string, readonly Buffer[]])[] = [
    ['a request of HTTP/1.1', [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')]],
    ['bytes of TLS', [Buffer.from('16030100c8010000c40303', 'hex'), Buffer.alloc(200, 1)]],
    ['random bytes', [Buffer.alloc(1_000, 0xa5)]],
    ['a frame before the settings', [PREFACE, open(1)]],
    ['a frame of 16 MB', [PREFACE, SETTINGS, Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]), Buffer.alloc(20_000)]],
    ['data on stream 0', [PREFACE, SETTINGS, data(0, Buffer.from('x'))]],
    ['data on a stream that is not open', [PREFACE, SETTINGS, data(7, Buffer.from('x'))]],
    ['headers on stream 0', [PREFACE, SETTINGS, open(0)]],
    ['a stream with an even number', [PREFACE, SETTINGS, open(2)]],
    [
      'a header block that is no HPACK',
      [PREFACE, SETTINGS, frame(TYPE.headers, END_HEADERS, 1, Buffer.alloc(50, 0xff))],
    ],
    ['a continuation without headers', [PREFACE, SETTINGS, frame(TYPE.continuation, END_HEADERS, 1, Buffer.alloc(10))]],
    ['settings of 5 bytes', [PREFACE, frame(TYPE.settings, 0, 0, Buffer.alloc(5))]],
    ['a ping of 7 bytes', [PREFACE, SETTINGS, frame(TYPE.ping, 0, 0, Buffer.alloc(7))]],
    ['a push promise', [PREFACE, SETTINGS, frame(TYPE.pushPromise, END_HEADERS, 1, Buffer.alloc(10))]],
    ['a window update of 0', [PREFACE, SETTINGS, frame(TYPE.windowUpdate, 0, 0, Buffer.alloc(4))]],
    [
      'a header block in a hundred continuations',
      [
        PREFACE,
        SETTINGS,
        frame(TYPE.headers, 0, 1, headerBlock(callHeaders(ECHO_PATH))),
        ...ids(100).map(() => frame(TYPE.continuation, 0, 1, headerBlock({ a: 'x'.repeat(100) }))),
      ],
    ],
  ];
  for (const [what, sent] of broken) {
    it(`${what} closes its connection alone`, async () => {
      await serve();
      const connection = connect();
      await connection.send(...sent);
      await connection.until('the end of the connection', () => connection.isClosed);
      await isAlive();
    });
  }

  const malformed: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['a header name in capitals', { 'X-Upper': 'x' }],
    ['the header connection', { connection: 'close' }],
    ['another te than trailers', { te: 'gzip' }],
    ['an unknown pseudo header', { ':other': 'x' }],
    ['a content-length that is no number', { 'content-length': 'x' }],
  ];
  for (const [what, headers] of malformed) {
    it(`a call with ${what} has its stream reset`, async () => {
      await serve();
      const connection = connect();
      await connection.send(
        PREFACE,
        SETTINGS,
        open(1, ECHO_PATH, END_HEADERS, headers),
        data(1, frameMessage(goodMessage)),
      );
      await connection.until('the reset', () => connection.resetCodeOf(1) !== undefined || connection.isClosed);
      if (!connection.isClosed) assert.equal(connection.resetCodeOf(1), PROTOCOL_ERROR);
      assert.equal(running, 0);
      await isAlive();
    });
  }

  it('headers of more than 64 KB close their connection', async () => {
    await serve();
    const connection = connect();
    const block = headerBlock(callHeaders(ECHO_PATH, { large: 'x'.repeat(100_000) }));
    const parts = Array.from({ length: 7 }, (_, index) => block.subarray(index * 15_000, (index + 1) * 15_000));
    const [first = block, ...rest] = parts;
    await connection.send(PREFACE, SETTINGS, frame(TYPE.headers, 0, 1, first));
    for (const part of rest)
      await connection.send(frame(TYPE.continuation, part === rest.at(-1) ? END_HEADERS : 0, 1, part));
    await connection.until('the end', () => connection.resetCodeOf(1) !== undefined || connection.isClosed);
    assert.equal(running, 0);
    await isAlive();
  });

  it('10,000 streams on a connection: the limit is served, the others are refused', async () => {
    await serve();
    const connection = connect();
    await connection.send(PREFACE, SETTINGS);
    await connection.until('the settings', () => connection.frames.some(({ type }) => type === TYPE.settings));
    await connection.send(frame(TYPE.settings, 1, 0));
    const all = ids(10_000);
    for (const id of all) await connection.send(open(id, WAIT_PATH), data(id, frameMessage(Buffer.alloc(0))));
    const refused = (): number =>
      connection.frames.filter(
        ({ type, payload }) => type === TYPE.rstStream && payload.readUInt32BE(0) === REFUSED_STREAM,
      ).length;
    await connection.until('the refusals', () => refused() >= 10_000 - GRPC_LIMITS.streamsMax || connection.isClosed);
    assert.ok(running <= GRPC_LIMITS.streamsMax, String(running));
    assert.ok(running > 0 || connection.isClosed);
    connection[Symbol.dispose]();
    await connection.until('their cancellation', () => running === 0);
    await isAlive();
  });

  it('rapid reset: a client that opens and resets streams at once is closed', async () => {
    await serve();
    const connection = connect();
    await connection.send(PREFACE, SETTINGS);
    let sent = 0;
    for (const id of ids(50_000)) {
      if (connection.isClosed) break;
      await connection.send(open(id, WAIT_PATH), data(id, frameMessage(Buffer.alloc(0))), reset(id));
      sent += 1;
    }
    await connection.until('the end of the connection', () => connection.isClosed);
    assert.ok(sent >= GRPC_LIMITS.resetsBurst, String(sent));
    await connection.until('their cancellation', () => running === 0);
    await isAlive();
    assert.equal(await openStreams(), 0);
  });

  const floods: readonly (readonly [string, Buffer])[] = [
    ['pings', frame(TYPE.ping, 0, 0, Buffer.alloc(8))],
    ['settings', SETTINGS],
  ];
  for (const [what, bytes] of floods) {
    it(`a flood of ${what} closes its connection`, async () => {
      await serve();
      const connection = connect();
      await connection.send(PREFACE, SETTINGS, ...Array<Buffer>(GRPC_LIMITS.controlFramesMax + 10).fill(bytes));
      await connection.until('the end of the connection', () => connection.isClosed);
      assert.equal(connection.goawayCode, ENHANCE_YOUR_CALM);
      assert.equal(await countOf('flood'), 1);
      await isAlive();
    });
  }

  it('pings between calls are no flood', async () => {
    await serve();
    const connection = connect();
    await connection.send(PREFACE, SETTINGS);
    const pings = Array<Buffer>(20).fill(frame(TYPE.ping, 0, 0, Buffer.alloc(8)));
    for (const id of ids(20)) await connection.send(...pings, open(id), data(id, frameMessage(goodMessage)));
    const answered = (): number =>
      connection.frames.filter(({ type, flags }) => type === TYPE.ping && flags === 1).length;
    await connection.until('the answers', () => answered() === 400);
    assert.equal(connection.isClosed, false);
  });

  it('data frames without data close their connection', async () => {
    await serve();
    const connection = connect();
    await connection.send(PREFACE, SETTINGS, open(1), ...Array<Buffer>(1_000).fill(data(1, Buffer.alloc(0), 0)));
    await connection.until('the end of the connection', () => connection.isClosed);
    await isAlive();
  });

  it('messages that arrive together are bounded: beyond it, calls are refused as overload', async () => {
    await serve({ arrivingBytesMax: 100_000, messageBytesMax: 80_000 });
    const connection = connect();
    const half = Buffer.concat([Buffer.from([0, 0, 1, 0x11, 0x70]), Buffer.alloc(10_000)]);
    await connection.send(PREFACE, SETTINGS, ...ids(20).flatMap((id) => [open(id), data(id, half, 0)]));
    const refused = (): number =>
      connection.frames.filter(({ type, flags }) => type === TYPE.headers && flags & END_STREAM).length;
    await connection.until('the refusals', () => refused() >= 11);
    connection[Symbol.dispose]();
    await isAlive();
    assert.equal(await openStreams(), 0);
  });

  it('calls at a time are bounded over all connections', async () => {
    await serve({ callsMax: 3 });
    using client = createGrpcJsClient(server.port);
    const waiting = ids(3).map(() => client.call('wait', { timeoutMs: 2_000 }).catch(({ code }) => code));
    while (running < 3) await new Promise(setImmediate);
    await assert.rejects(client.call('echo'), {
      code: 14,
      message: 'The service is overloaded; the call had no effect',
    });
    assert.deepEqual(await Promise.all(waiting), [4, 4, 4]);
  });

  it('a connection beyond the limit is closed at once', async () => {
    await serve({ connectionsMax: 1 });
    const first = connect();
    await first.send(PREFACE, SETTINGS);
    await first.until('its settings', () => first.frames.length > 0);
    const second = connect();
    await second.until('the end of the connection', () => second.isClosed);
    assert.equal(await countOf('server'), 1);
  });

  it('requests of reflection whose answers are not read end their stream', async () => {
    await serve();
    const connection = connect();
    // Its windows have no room for an answer.
    await connection.send(PREFACE, frame(TYPE.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0])));
    const request = frameMessage(reflectionRequest.encode({ host: '', fileContainingSymbol: codec.serviceName }));
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
    const requests = Array<Buffer>(300).fill(data(1, request, 0));
    await connection.send(open(1, path), ...requests);
    await connection.until('the reset', () => connection.resetCodeOf(1) === ENHANCE_YOUR_CALM);
    assert.equal(await openStreams(), 0);
    await isAlive();
  });

  describe('in time', () => {
    it('a message that does not arrive is refused', async () => {
      await serve({ messageTimeoutMs: 500 });
      const connection = connect();
      await connection.send(PREFACE, SETTINGS, open(1), data(1, Buffer.from([0, 0, 0, 0, 9, 1]), 0));
      await connection.until('the refusal', () =>
        connection.frames.some(({ type, stream }) => type === TYPE.headers && stream === 1),
      );
      await connection.until('the reset', () => connection.resetCodeOf(1) !== undefined);
      assert.equal(await countOf('late'), 1);
      assert.equal(connection.isClosed, false);
    });

    it('a connection without settings is closed', async () => {
      await serve({ prefaceTimeoutMs: 500 });
      const connection = connect();
      await connection.send(PREFACE.subarray(0, 10));
      await connection.until('the end of the connection', () => connection.isClosed);
      assert.equal(await countOf('late'), 1);
    });

    it('an idle connection is asked to leave and closed', async () => {
      await serve({ idleTimeoutMs: 500 });
      const connection = connect();
      await connection.send(PREFACE, SETTINGS);
      await connection.until('the end of the connection', () => connection.isClosed);
      assert.equal(connection.goawayCode, 0);
    });

    it('an idle connection that its client keeps open is destroyed', async () => {
      await serve({ idleTimeoutMs: 500 });
      const connection = stack.use(new RawConnection(server.port, false));
      await connection.send(PREFACE, SETTINGS);
      await connection.until('the end of its other side', () => connection.isLeft);
      while (!connection.isClosed) {
        await connection.send(frame(TYPE.ping, 0, 0, Buffer.alloc(8)));
        await sleep(5);
      }
    });
  });
});
