import { gzipSync } from 'node:zlib';
import { GRPC_LIMITS } from 'rpc-kit/grpc';
import { frameMessage } from '../../src/grpc/framing.ts';
import { codec, encode, messageOf } from './subject.ts';

/** Requests of a well-formed HTTP/2, and their exact answers. */
export interface BadInput {
  readonly title: string;
  /** Replace those of a good call; `undefined` leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body: readonly Buffer[];
  /** Of HTTP: 200 by default. */
  readonly httpStatus?: number;
  /** Of gRPC. */
  readonly status?: number;
  readonly message?: string | RegExp;
}

export const ECHO_PATH = codec.byName.get('echo')?.path ?? '';
export const goodMessage = encode(messageOf('EchoRequest'), { text: 'hello' });
const good = frameMessage(goodMessage);
const { messageBytesMax } = GRPC_LIMITS;
const tooLarge = 'The message is larger than 1048576 bytes';
const wrongFlag = 'The first byte of a message must be 0, or 1 for a compressed one';
const cutOff = 'The stream ended before the message was complete';
const oneMessage = 'The method takes one message, and more than one was sent';
const noGzip = 'The message cannot be inflated: it is no gzip';
const prefix = (length: number, flag = 0): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes[0] = flag;
  bytes.writeUInt32BE(length, 1);
  return bytes;
};
/** Anything that is larger when it is inflated. */
const bomb = gzipSync(Buffer.alloc(50 * messageBytesMax));
const gzipped = { 'grpc-encoding': 'gzip' };

const framed = (title: string, status: number, message: string | RegExp, ...body: Buffer[]): BadInput => ({
  title: `a message with ${title}`,
  status,
  message,
  body,
});
const withHeaders = (
  title: string,
  headers: Readonly<Record<string, string | undefined>>,
  status: number,
  message: string | RegExp,
): BadInput => ({ title: `a call with ${title}`, headers, body: [good], status, message });
const refusedByHttp = (
  title: string,
  headers: Readonly<Record<string, string | undefined>>,
  httpStatus: number,
): BadInput => ({ title: `a request with ${title}`, headers, body: [good], httpStatus });
const bytesOf = (title: string, bytes: Buffer): BadInput =>
  framed(title, 3, /^The bytes are no test\.subject\.v1\.EchoRequest/, frameMessage(bytes));

export const badInputs: readonly BadInput[] = [
  // Frames of messages.
  ...[2, 3, 128, 255].map((flag) => framed(`the flag ${flag}`, 13, wrongFlag, prefix(0, flag))),
  framed('the text of HTTP/1.1', 13, wrongFlag, Buffer.from('GET / HTTP/1.1\r\n\r\n')),
  framed('JSON instead of a frame', 13, wrongFlag, Buffer.from('{"text":"hello"}')),
  framed('a byte above the limit', 8, tooLarge, prefix(messageBytesMax + 1)),
  framed('a length of 4 GB', 8, tooLarge, prefix(2 ** 32 - 1)),
  framed('a length of 2 GB, and its first bytes', 8, tooLarge, prefix(2 ** 31), Buffer.alloc(1_000)),
  framed('a megabyte above the limit, sent whole', 8, tooLarge, frameMessage(Buffer.alloc(2 * messageBytesMax))),
  ...[1, 2, 3, 4].map((length) => framed(`${length} bytes of a frame`, 13, cutOff, good.subarray(0, length))),
  framed('a byte less than its length', 13, cutOff, good.subarray(0, -1)),
  framed('a length and no byte', 13, cutOff, prefix(1_000)),
  framed('a byte more than its length', 12, oneMessage, good, Buffer.from([0])),
  framed('another message behind it', 12, oneMessage, good, good),
  framed('ten thousand messages behind it', 12, oneMessage, good, Buffer.alloc(50_000)),
  framed('no frame at all', 12, 'The method takes one message: send one, even when it is empty'),
  framed(
    'the compressed flag, and a call without grpc-encoding',
    13,
    'The message is compressed, but its call has no grpc-encoding',
    frameMessage(gzipSync(goodMessage), true),
  ),

  // Compression.
  ...['deflate', 'br', 'snappy', 'zstd', 'GZIP', 'gzip, gzip', 'gzip,identity', 'x'.repeat(500)].map((encoding) =>
    withHeaders(
      `grpc-encoding ${encoding.slice(0, 20)}`,
      { 'grpc-encoding': encoding },
      12,
      'Send messages with grpc-encoding identity or gzip',
    ),
  ),
  { ...framed('bytes that are no gzip', 13, noGzip, frameMessage(goodMessage, true)), headers: gzipped },
  { ...framed('no byte to inflate', 13, noGzip, frameMessage(Buffer.alloc(0), true)), headers: gzipped },
  {
    ...framed('a gzip cut off', 13, noGzip, frameMessage(gzipSync(goodMessage).subarray(0, -4), true)),
    headers: gzipped,
  },
  {
    ...framed('50 MB of zeros in 50 KB', 8, tooLarge, frameMessage(bomb, true)),
    headers: gzipped,
  },
  {
    ...framed('a gzip of a gzip', 3, /^The bytes are no/, frameMessage(gzipSync(gzipSync(goodMessage)), true)),
    headers: gzipped,
  },

  // Bytes that are no such message.
  bytesOf('a field cut off', goodMessage.subarray(0, -1)),
  bytesOf('a varint that never ends', Buffer.alloc(100, 0xff)),
  bytesOf('a length beyond its end', Buffer.from([0x0a, 0x7f, 0x41])),
  bytesOf('a length of 4 GB within', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])),
  bytesOf('field number 0', Buffer.from([0x00, 0x01])),
  bytesOf('the wire type 6', Buffer.from([0x0e, 0x01])),
  bytesOf('the wire type 7', Buffer.from([0x0f, 0x01])),
  bytesOf('an end of a group that has no start', Buffer.from([0x0c])),
  bytesOf('a group that never ends', Buffer.from([0xfb, 0x01])),
  bytesOf('ten thousand nested groups', Buffer.alloc(20_000, Buffer.from([0xfb, 0x01]))),
  bytesOf('text that is no UTF-8', Buffer.from([0x0a, 0x02, 0xc0, 0xaf])),
  bytesOf('text with half a surrogate pair', Buffer.from([0x0a, 0x03, 0xed, 0xa0, 0x80])),
  bytesOf('half a million elements', Buffer.concat([Buffer.from([0x22, 0xa0, 0xc2, 0x1e]), Buffer.alloc(500_000)])),

  // Methods and addresses.
  ...[
    '/',
    '/test.subject.v1.SubjectService',
    '/test.subject.v1.SubjectService/',
    '/test.subject.v1.SubjectService/echo',
    '/test.subject.v1.SubjectService/Echo/',
    '/test.subject.v1.SubjectService/Echo?x=1',
    '//test.subject.v1.SubjectService/Echo',
    '/test.subject.v1.SubjectService/NoSuchMethod',
    '/other.Service/Echo',
    '/__proto__',
    '/constructor',
    '/../etc/passwd',
    `/${'x'.repeat(5_000)}`,
  ].map((path) => withHeaders(`the path ${path.slice(0, 50)}`, { ':path': path }, 12, 'Method not found')),

  // Headers.
  withHeaders(
    'no te',
    { te: undefined },
    3,
    'Send the header te: trailers; a proxy without trailers would lose the status',
  ),
  ...['soon', '1', 'm', '-1m', '1.5S', '1 m', '123456789m', '1x', '0x1m', '1m1m', '1m, 2m'].map((timeout) =>
    withHeaders(
      `grpc-timeout ${timeout}`,
      { 'grpc-timeout': timeout },
      3,
      'grpc-timeout must be 1 to 8 digits and a unit of H, M, S, m, u, n',
    ),
  ),
  withHeaders('a deadline that has passed', { 'grpc-timeout': '0m' }, 4, 'The call took longer than its deadline'),
  withHeaders('a deadline in a nanosecond', { 'grpc-timeout': '1n' }, 4, 'The call took longer than its deadline'),
  ...['""', '"a', `"${'x'.repeat(256)}"`, 'x'.repeat(256)].map((key) =>
    withHeaders(
      `idempotency-key ${key.slice(0, 5)} of ${key.length} characters`,
      { 'idempotency-key': key },
      3,
      'idempotency-key must have 1 to 255 characters of UTF-8 without control characters',
    ),
  ),
  ...[
    undefined,
    '',
    'application/json',
    'application/grpc+json',
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/proto',
    'text/plain',
    'application/grpcx',
  ].map((type) => refusedByHttp(`content-type ${type}`, { 'content-type': type }, 415)),
  ...['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'post', 'PROPFIND'].map((verb) =>
    refusedByHttp(`the verb ${verb}`, { ':method': verb }, 405),
  ),
];

/** Odd, but right. */
export const oddInputs: readonly BadInput[] = [
  { title: 'an empty message', body: [prefix(0)] },
  { title: 'a message in pieces of a byte', body: [...good].map((byte) => Buffer.from([byte])) },
  { title: 'a frame that is cut within its prefix', body: [good.subarray(0, 3), good.subarray(3)] },
  { title: 'unknown fields', body: [frameMessage(Buffer.concat([goodMessage, Buffer.from([0xf8, 0x7f, 0x01])]))] },
  {
    title: 'a field that is repeated: the last one counts',
    body: [frameMessage(Buffer.concat([goodMessage, goodMessage]))],
  },
  { title: 'grpc-encoding identity', headers: { 'grpc-encoding': 'identity' }, body: [good] },
  { title: 'gzip that is announced and not used', headers: gzipped, body: [good] },
  { title: 'gzip', headers: gzipped, body: [frameMessage(gzipSync(goodMessage), true)] },
  { title: 'gzip of nothing', headers: gzipped, body: [frameMessage(gzipSync(Buffer.alloc(0)), true)] },
  {
    title: 'gzip in two members',
    headers: gzipped,
    body: [frameMessage(Buffer.concat([gzipSync(goodMessage), gzipSync(goodMessage)]), true)],
  },
  { title: 'content-type with +proto', headers: { 'content-type': 'application/grpc+proto' }, body: [good] },
  { title: 'content-type with a parameter', headers: { 'content-type': 'application/grpc;v=1' }, body: [good] },
  { title: 'a deadline of 99,999,999 hours', headers: { 'grpc-timeout': '99999999H' }, body: [good] },
  { title: 'a request id that is no id', headers: { 'x-request-id': '<script>' }, body: [good] },
  { title: 'a broken trace', headers: { traceparent: 'x', tracestate: 'y', baggage: 'z' }, body: [good] },
  { title: 'binary metadata of others', headers: { 'grpc-trace-bin': 'AAAA', 'grpc-tags-bin': '!!' }, body: [good] },
];
