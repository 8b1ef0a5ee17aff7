import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type Client, createClient, defineService, type RpcError, stream, uint32 } from 'rpc-kit';
import { z } from 'zod';
import { createGrpcTransport } from '../../src/grpc/client/transport.ts';
import { frameMessage } from '../../src/grpc/framing.ts';
import { jsonCodec } from './json-codec.ts';
import { type Behaviour, createRawPeer, HEAD, OK, type RawCall, type RawPeer } from './raw-peer.ts';

const clock = defineService(
  'clock',
  { summary: 'Ticks.', version: '1.0.0' },
  {
    watch: {
      summary: 'Streams ticks.',
      params: z.strictObject({}),
      result: stream(z.object({ tick: uint32 }), { id: 'tick' }),
      timeoutMs: 10_000,
      reads: true,
      example: { params: {}, result: { tick: 1 } },
    },
  },
);

const item = (tick: number): Buffer => frameMessage(Buffer.from(JSON.stringify({ tick })));
const ANSWER_BYTES_MAX = 200_000;

describe('A stream of the gRPC client', () => {
  let open: AsyncDisposableStack;
  let peer: RawPeer;
  let client: Client<typeof clock.methods>;

  beforeEach(async () => {
    open = new AsyncDisposableStack();
    peer = open.use(await createRawPeer());
    const options = { codec: jsonCodec(clock), userAgent: 'test/1', answerBytesMax: ANSWER_BYTES_MAX };
    client = createClient(clock, open.use(createGrpcTransport(peer.url, options)));
  });
  afterEach(() => open[Symbol.asyncDispose]());

  async function collect(): Promise<{ ticks: number[]; error: RpcError | undefined }> {
    const ticks: number[] = [];
    try {
      for await (const { tick } of client.watch({})) ticks.push(tick);
      return { ticks, error: undefined };
    } catch (error) {
      return { ticks, error: error as RpcError };
    }
  }

  const streams: readonly (readonly [title: string, behaviour: Behaviour, ticks: number[], code?: string])[] = [
    ['gives no item of an answer without messages', (call) => call.headers(HEAD).headers(OK, true), []],
    ['ends with trailers alone', (call) => call.headers({ ...HEAD, ...OK }, true), []],
    [
      'gives items that come together',
      (call) =>
        call
          .headers(HEAD)
          .data(Buffer.concat([item(1), item(2), item(3)]))
          .headers(OK, true),
      [1, 2, 3],
    ],
    [
      'gives items that come byte by byte',
      (call) => {
        call.headers(HEAD);
        for (const byte of Buffer.concat([item(1), item(2)])) call.data(Buffer.of(byte));
        call.headers(OK, true);
      },
      [1, 2],
    ],
    [
      'gives compressed items',
      (call) =>
        call
          .headers({ ...HEAD, 'grpc-encoding': 'gzip' })
          .data(frameMessage(gzipSync('{"tick":7}'), true))
          .headers(OK, true),
      [7],
    ],
    [
      'gives the items before an error, and then the error',
      (call) => call.headers(HEAD).data(item(1)).headers({ 'grpc-status': '14', 'grpc-message': 'drained' }, true),
      [1],
      'unavailable',
    ],
    ['fails when it is reset', (call) => call.headers(HEAD).data(item(1)).reset(8), [1], 'cancelled'],
    [
      'fails when its last message is cut off',
      (call) =>
        call
          .headers(HEAD)
          .data(Buffer.concat([item(1), item(2).subarray(0, 7)]))
          .headers(OK, true),
      [1],
      'internal',
    ],
    [
      'fails for a message without a valid prefix',
      (call) => call.headers(HEAD).data(Buffer.from('<html>')),
      [],
      'internal',
    ],
    [
      'fails for a message that announces too much',
      (call) => call.headers(HEAD).data(Buffer.from([0, 0x7f, 0, 0, 0])),
      [],
      'internal',
    ],
    [
      'fails for a message in too many pieces',
      (call) => {
        call.headers(HEAD).data(Buffer.from([0, 0, 0, 39, 15]));
        for (let count = 0; count < 2_000; count++) call.data(Buffer.of(32));
      },
      [],
      'internal',
    ],
    [
      'fails for an item that does not fit the contract',
      (call) =>
        call
          .headers(HEAD)
          .data(frameMessage(Buffer.from('{"tick":-1}')))
          .headers(OK, true),
      [],
      'internal',
    ],
  ];
  for (const [title, behaviour, ticks, code] of streams) {
    it(title, async () => {
      peer.behave(behaviour);
      const outcome = await collect();
      assert.deepEqual([outcome.ticks, outcome.error?.code], [ticks, code]);
    });
  }

  it('resets its call when its reader leaves', async () => {
    peer.behave((call) => call.headers(HEAD).data(item(1)));
    for await (const _tick of client.watch({})) break;
    while (!peer.frames.includes('RST_STREAM 1')) await nextTurn();
  });

  it('ends at its deadline', async () => {
    peer.behave((call) => call.headers(HEAD).data(item(1)));
    await assert.rejects(
      async () => {
        for await (const _tick of client.watch({}, { timeoutMs: 100 }));
      },
      { code: 'deadline_exceeded' },
    );
  });

  it('fails when its connection ends before its reader has taken what has arrived, its end among it', async () => {
    peer.behave((call) => {
      call.headers(HEAD);
      for (let tick = 1; tick <= 100; tick++) call.data(item(tick));
      call.headers(OK, true);
      call.connection.socket.end();
    });
    const ticks = client.watch({});
    assert.deepEqual((await ticks.next()).value, { tick: 1 });
    while (peer.open > 0) await nextTurn();
    await assert.rejects(
      async () => {
        for await (const _tick of ticks);
      },
      { code: 'unavailable', message: 'The connection to clock broke' },
    );
  });

  it('takes no more than a window ahead of its reader', async () => {
    let sent: RawCall | undefined;
    const message = frameMessage(Buffer.from(JSON.stringify({ tick: 1, padding: 'x'.repeat(16_000) })));
    peer.behave((call) => {
      sent = call.headers(HEAD).data(message);
    });
    const ticks = client.watch({});
    await ticks.next();
    const updates = (): number => peer.frames.filter((frame) => frame === 'WINDOW_UPDATE 1').length;
    // 15 of these messages fill the window of the stream, and none of them is taken.
    for (let count = 0; count < 15; count++) sent?.data(message);
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    const before = updates();
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    assert.equal(updates(), before);
    for (let count = 0; count < 15; count++) await ticks.next();
    while (updates() === before) await nextTurn();
    await ticks.return();
  });
});
