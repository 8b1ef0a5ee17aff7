import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import type { Code } from 'rpc-kit';
import type { GrpcTransport } from '../../src/grpc/client/transport.ts';
import { frameMessage } from '../../src/grpc/framing.ts';
import { encodeMessage } from '../../src/grpc/metadata.ts';
import { PATIENT_MS } from '../call-stubs.ts';
import { type Behaviour, createRawPeer, type Fields, HEAD, OK, type RawCall, type RawPeer } from './raw-peer.ts';
import { failureOf, openStock, type StockClient } from './stock.ts';

const ANSWER_BYTES_MAX = 10_000;
const json = (value: unknown): Buffer => frameMessage(Buffer.from(JSON.stringify(value)));
const RESULT = { count: 5 };

const good: Behaviour = (call) => call.headers(HEAD).data(json(RESULT)).headers(OK, true);
/** The bytes of a whole message stream, with the status OK behind them. */
const body =
  (bytes: Uint8Array, head: Fields = HEAD): Behaviour =>
  (call) =>
    call.headers(head).data(bytes).headers(OK, true);
const trailersOnly =
  (fields: Fields): Behaviour =>
  (call) =>
    call.headers({ ...HEAD, ...fields }, true);
const page =
  (status: number, fields: Fields = {}): Behaviour =>
  (call) =>
    call.headers({ ':status': String(status), 'content-type': 'text/html', ...fields }).data(Buffer.from('<h1>'), true);
const reset =
  (code: number): Behaviour =>
  (call) =>
    call.reset(code);

interface Fault {
  readonly title: string;
  readonly behaviour: Behaviour;
  readonly code: Code;
  readonly message: string;
  readonly neverSent?: boolean;
  readonly retryAfterMs?: number;
  /** Only where the deadline is what ends the call. */
  readonly timeoutMs?: number;
}

const BROKEN = 'The connection to stock broke';
const TOO_LARGE = 'The peer answered more than may be read';
const LATE = 'The call took longer than its deadline';
const UNSEEN = 'stock refused the call unseen';

const resets: readonly Fault[] = [
  [0, 'internal'],
  [1, 'internal'],
  [2, 'internal'],
  [3, 'internal'],
  [4, 'internal'],
  [5, 'internal'],
  [6, 'internal'],
  [8, 'cancelled'],
  [9, 'internal'],
  [10, 'internal'],
  [11, 'resource_exhausted'],
  [12, 'permission_denied'],
  [13, 'internal'],
].map(([number, code]) => ({
  title: `a reset with error ${number}`,
  behaviour: reset(number as number),
  code: code as Code,
  message: `The peer reset the call with HTTP/2 error ${number}`,
}));

const pages: readonly Fault[] = (
  [
    [301, 'internal'],
    [400, 'internal'],
    [401, 'unauthenticated'],
    [403, 'permission_denied'],
    [404, 'unimplemented'],
    [429, 'unavailable'],
    [500, 'internal'],
    [502, 'unavailable'],
    [503, 'unavailable'],
    [504, 'unavailable'],
    [200, 'internal'],
  ] as const
).map(([status, code]) => ({
  title: `HTML with HTTP ${status}`,
  behaviour: page(status),
  code,
  message: `The peer answered HTTP ${status}`,
}));

const faults: readonly Fault[] = [
  ...resets,
  ...pages,
  {
    title: 'a refused stream',
    behaviour: reset(7),
    code: 'unavailable',
    message: UNSEEN,
    neverSent: true,
  },
  {
    title: 'a GOAWAY that excludes the call',
    behaviour: ({ connection }) => connection.goaway(0),
    code: 'unavailable',
    message: UNSEEN,
    neverSent: true,
  },
  {
    title: 'a GOAWAY with an error that excludes the call',
    behaviour: ({ connection }) => connection.goaway(0, 11),
    code: 'unavailable',
    message: UNSEEN,
    neverSent: true,
  },
  {
    title: 'a GOAWAY with an error that includes the call',
    behaviour: ({ id, connection }) => connection.goaway(id, 2),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a GOAWAY with the error of refused streams that includes the call',
    behaviour: ({ id, connection }) => connection.goaway(id, 7),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a refused stream whose answer has begun',
    behaviour: (call) => call.headers(HEAD).reset(7),
    code: 'unavailable',
    message: 'The peer reset the call with HTTP/2 error 7',
  },
  {
    title: 'a GOAWAY that includes the call, and then a closed connection',
    behaviour: ({ id, connection }) => {
      connection.goaway(id);
      connection.socket.end();
    },
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a connection reset',
    behaviour: ({ connection }) => connection.socket.resetAndDestroy(),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a connection closed',
    behaviour: ({ connection }) => connection.socket.end(),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'a connection closed within the message',
    behaviour: (call) => {
      call.headers(HEAD).data(json(RESULT).subarray(0, 8));
      call.connection.socket.end();
    },
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'bytes that are no HTTP/2',
    behaviour: ({ connection }) => connection.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    code: 'unavailable',
    message: BROKEN,
  },
  {
    title: 'an answer that never comes',
    behaviour: () => {},
    code: 'deadline_exceeded',
    message: LATE,
    timeoutMs: 100,
  },
  {
    title: 'headers without anything behind them',
    behaviour: (call) => call.headers(HEAD),
    code: 'deadline_exceeded',
    message: LATE,
    timeoutMs: 100,
  },
  {
    title: 'a message without an end',
    behaviour: (call) => call.headers(HEAD).data(json(RESULT)),
    code: 'deadline_exceeded',
    message: LATE,
    timeoutMs: 100,
  },
  {
    title: 'interim headers without an answer',
    behaviour: (call) => call.headers({ ':status': '103' }),
    code: 'deadline_exceeded',
    message: LATE,
    timeoutMs: 100,
  },
  {
    title: 'an answer without trailers',
    behaviour: (call) => call.headers(HEAD).data(json(RESULT), true),
    code: 'internal',
    message: 'The peer answered without a gRPC status',
  },
  {
    title: 'a reset with error 0 behind a message',
    behaviour: (call) => call.headers(HEAD).data(json(RESULT)).reset(0),
    code: 'internal',
    message: 'The peer answered without a gRPC status',
  },
  {
    title: 'trailers without a status',
    behaviour: (call) => call.headers(HEAD).data(json(RESULT)).headers({ 'x-other': '1' }, true),
    code: 'internal',
    message: 'The peer answered without a gRPC status',
  },
  {
    title: 'a status in headers that a message follows',
    behaviour: (call) => call.headers({ ...HEAD, 'grpc-status': '9' }).data(json(RESULT), true),
    code: 'internal',
    message: 'The peer answered without a gRPC status',
  },
  {
    title: 'a status that is no number',
    behaviour: trailersOnly({ 'grpc-status': 'OK', 'grpc-message': 'no' }),
    code: 'internal',
    message: 'no',
  },
  {
    title: 'a status that does not exist',
    behaviour: trailersOnly({ 'grpc-status': '99', 'grpc-message': 'no' }),
    code: 'internal',
    message: 'no',
  },
  {
    title: 'trailers alone with the status OK',
    behaviour: trailersOnly(OK),
    code: 'unimplemented',
    message: 'The peer answered no message',
  },
  {
    title: 'trailers alone with an error',
    behaviour: trailersOnly({ 'grpc-status': '9', 'grpc-message': encodeMessage('Not yet: 5 % – ž') }),
    code: 'failed_precondition',
    message: 'Not yet: 5 % – ž',
  },
  {
    title: 'an error behind a message',
    behaviour: (call) =>
      call.headers(HEAD).data(json(RESULT)).headers({ 'grpc-status': '10', 'grpc-message': 'no' }, true),
    code: 'aborted',
    message: 'no',
  },
  {
    title: 'an error without a message',
    behaviour: trailersOnly({ 'grpc-status': '12' }),
    code: 'unimplemented',
    message: 'The peer answered gRPC status 12 without a message',
  },
  {
    title: 'an error in an answer of HTTP 503',
    behaviour: trailersOnly({ ':status': '503', 'grpc-status': '5', 'grpc-message': 'no' }),
    code: 'not_found',
    message: 'no',
  },
  {
    title: 'HTTP 503 with Retry-After',
    behaviour: page(503, { 'retry-after': '2' }),
    code: 'unavailable',
    message: 'The peer answered HTTP 503',
    retryAfterMs: 2_000,
  },
  {
    title: 'HTTP 503 without a body',
    behaviour: (call) => call.headers({ ':status': '503' }, true),
    code: 'unavailable',
    message: 'The peer answered HTTP 503',
  },
  {
    title: 'a result in JSON',
    behaviour: body(json(RESULT), { ...HEAD, 'content-type': 'application/grpc+json' }),
    code: 'internal',
    message: 'The peer answered in another coding than Protocol Buffers',
  },
  {
    title: 'bytes that are no message',
    behaviour: body(frameMessage(Buffer.from('{'))),
    code: 'internal',
    message: 'The peer answered something that is not the message of the result',
  },
  {
    title: 'another result than the contract has',
    behaviour: body(json({ count: 'five' })),
    code: 'internal',
    message: 'The answer does not fit the contract',
  },
  {
    title: 'two messages',
    behaviour: body(Buffer.concat([json(RESULT), json(RESULT)])),
    code: 'unimplemented',
    message: 'The peer answered more than one message',
  },
  {
    title: 'a message that is cut off',
    behaviour: body(json(RESULT).subarray(0, 9)),
    code: 'internal',
    message: 'The peer answered a message that is cut off',
  },
  {
    title: 'a message with a wrong flag',
    behaviour: body(Buffer.from([7, 0, 0, 0, 0])),
    code: 'internal',
    message: 'The peer answered a message without a valid prefix',
  },
  {
    title: 'a message that announces too much',
    behaviour: (call) => call.headers(HEAD).data(Buffer.from([0, 0x7f, 0, 0, 0])),
    code: 'internal',
    message: TOO_LARGE,
  },
  {
    title: 'a compressed message of an unknown coding',
    behaviour: body(frameMessage(gzipSync('{}'), true), { ...HEAD, 'grpc-encoding': 'zstd' }),
    code: 'internal',
    message: 'The peer answered a message that is compressed in another way than gzip',
  },
  {
    title: 'a compressed message without a coding',
    behaviour: body(frameMessage(gzipSync('{}'), true)),
    code: 'internal',
    message: 'The peer answered a message that is compressed in another way than gzip',
  },
  {
    title: 'a compressed message that is no gzip',
    behaviour: body(frameMessage(Buffer.from('{}'), true), { ...HEAD, 'grpc-encoding': 'gzip' }),
    code: 'internal',
    message: 'The peer answered a message that is no gzip',
  },
  {
    title: 'a message that is larger than the limit when it is inflated',
    behaviour: body(frameMessage(gzipSync(Buffer.alloc(1_000_000)), true), { ...HEAD, 'grpc-encoding': 'gzip' }),
    code: 'internal',
    message: TOO_LARGE,
  },
];

describe('The gRPC client over a faulty network', () => {
  let peer: RawPeer;
  let transport: GrpcTransport;
  let client: StockClient;

  before(async () => {
    peer = await createRawPeer();
    ({ client, transport } = openStock(peer.url, { answerBytesMax: ANSWER_BYTES_MAX, sessionsMax: 2 }));
  });
  after(async () => {
    await transport[Symbol.asyncDispose]();
    await peer[Symbol.asyncDispose]();
  });

  for (const { title, behaviour, code, message, neverSent = false, retryAfterMs, timeoutMs = PATIENT_MS } of faults) {
    it(`takes ${title} for ${code}${neverSent ? ', never sent' : ''}, and the next call succeeds`, async () => {
      peer.behave(behaviour);
      const error = await failureOf(client.count({ sku: 1n }, { timeoutMs }));
      assert.deepEqual(
        [error.code, error.message, error.neverSent, error.retryAfterMs],
        [code, message, neverSent, retryAfterMs],
      );
      peer.behave(good);
      assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
    });
  }

  it('reads an answer that comes byte by byte', async () => {
    peer.behave((call) => {
      call.headers(HEAD);
      for (const byte of json(RESULT)) call.data(Buffer.of(byte));
      call.headers(OK, true);
    });
    assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
  });

  it('gives up an answer in too many pieces', async () => {
    peer.behave((call) => {
      call.headers(HEAD).data(Buffer.from([0, 0, 0, 39, 15]));
      for (let count = 0; count < 2_000; count++) call.data(Buffer.of(32));
    });
    const error = await failureOf(client.count({ sku: 1n }));
    assert.deepEqual([error.code, error.message], ['internal', 'The peer answered in too many pieces']);
  });

  it('reads a compressed answer', async () => {
    const compressed = frameMessage(gzipSync(JSON.stringify(RESULT)), true);
    peer.behave(body(compressed, { ...HEAD, 'grpc-encoding': 'gzip' }));
    assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
  });

  it('reads an answer whose stream is reset without an error behind its trailers', async () => {
    peer.behave((call) => (good(call) as RawCall).reset(0));
    assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
  });

  it('takes a reset with CANCEL for the deadline that has just passed, although its own timer has not fired', async () => {
    peer.behave(reset(8));
    const call = {
      ...{ service: 'stock', method: 'count', contract: undefined, params: { sku: 1 }, caller: {}, requestId: 'r1' },
      signal: new AbortController().signal,
    };
    const error = await failureOf(transport.call({ ...call, deadlineAt: performance.now() }));
    assert.deepEqual([error.code, error.message], ['deadline_exceeded', LATE]);
    const early = await failureOf(transport.call({ ...call, deadlineAt: performance.now() + PATIENT_MS }));
    assert.equal(early.code, 'cancelled');
  });

  it('sends a call that was refused unseen once more, and it succeeds', async () => {
    peer.behave((call) => {
      peer.behave(good);
      call.reset(7);
    });
    assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
  });
});
