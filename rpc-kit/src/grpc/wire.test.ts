import assert from 'node:assert/strict';
import { CODES, type Code } from '../code.ts';
import { RpcError } from '../rpc-error.ts';
import { frameMessage, PREFIX_BYTES, type ReceivedMessage, UnaryMessage } from './framing.ts';
import {
  decodeBinary,
  decodeMessage,
  encodeBinary,
  encodeMessage,
  isGrpcProto,
  metadataOfCall,
  parseTimeout,
  toTimeout,
} from './metadata.ts';
import { type DetailsMessages, decodeStatus, encodeStatus, GrpcRefusal, grpcStatusOf } from './status.ts';
import { codeOfGrpcStatus } from './status-code.ts';

describe('a framed message', () => {
  const frame = frameMessage(Buffer.from('hello'));

  it('is read however its bytes arrive', () => {
    for (let cut = 0; cut <= frame.length; cut++) {
      const message = new UnaryMessage(5);
      assert.equal(message.add(frame.subarray(0, cut)), undefined);
      assert.equal(message.add(frame.subarray(cut)), undefined);
      const { isCompressed, bytes } = message.end() as ReceivedMessage;
      assert.equal(isCompressed, false);
      assert.deepEqual(Buffer.from(bytes), Buffer.from('hello'));
    }
  });

  it('says whether it is compressed, and may be empty', () => {
    const message = new UnaryMessage(0);
    message.add(frameMessage(Buffer.alloc(0), true));
    assert.deepEqual(message.end(), { isCompressed: true, bytes: Buffer.alloc(0) });
  });

  const faults: readonly (readonly [string, readonly Buffer[], string | undefined])[] = [
    ['a flag above 1', [Buffer.from([2, 0, 0, 0, 0])], 'wrong flag'],
    ['a length above the limit', [Buffer.from([0, 0, 0, 0, 6])], 'too large'],
    ['the largest length', [Buffer.from([0, 255, 255, 255, 255])], 'too large'],
    ['two messages', [frame, frame], 'more than one message'],
    ['a byte behind the message', [Buffer.concat([frame, Buffer.from([0])])], 'more than one message'],
  ];
  for (const [what, parts, fault] of faults) {
    it(`with ${what} is refused as soon as it shows`, () => {
      const message = new UnaryMessage(5);
      assert.equal(parts.map((part) => message.add(part)).at(-1), fault);
    });
  }

  it('that is cut off is refused at its end, and no byte is no message', () => {
    for (let cut = 1; cut < frame.length; cut++) {
      const message = new UnaryMessage(5);
      message.add(frame.subarray(0, cut));
      assert.equal(message.end(), 'cut off');
    }
    assert.equal(new UnaryMessage(5).end(), undefined);
  });

  it('in thousands of pieces of a byte is refused', () => {
    const message = new UnaryMessage(1_000_000);
    const whole = frameMessage(Buffer.alloc(10_000));
    const seen = Array.from(whole, (_, index) => message.add(whole.subarray(index, index + 1)));
    const first = seen.indexOf('too many pieces');
    assert.ok(first > 1_000 && first < 1_100, String(first));
    assert.equal(PREFIX_BYTES, 5);
  });
});

describe('grpc-timeout', () => {
  it('is read in every unit', () => {
    const read = ['1H', '2M', '3S', '4m', '5000u', '6000000n', '99999999H', '0m'].map(parseTimeout);
    assert.deepEqual(read, [3_600_000, 120_000, 3_000, 4, 5, 6, 99_999_999, 0]);
  });

  it('is refused when it is malformed', () => {
    const malformed = ['', 'm', '1', '1s', '1h', '-1m', '+1m', '1.5S', ' 1m', '1m ', '123456789m', '1mm', '١m'];
    for (const text of malformed) assert.equal(parseTimeout(text), undefined, text);
  });

  it('is sent in whole milliseconds, never longer than the deadline', () => {
    assert.deepEqual([1_500.9, 0.9, -3, Number.POSITIVE_INFINITY].map(toTimeout), ['1500m', '0m', '0m', '99999999m']);
  });
});

describe('the metadata of a gRPC call', () => {
  const read = (headers: Record<string, string>, raw: readonly string[] = Object.entries(headers).flat()) =>
    metadataOfCall({ headers, rawHeaders: raw }, 'id-1', 100, '127.0.0.1');

  it('is that of an HTTP request, with the deadline of grpc-timeout', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const metadata = read({
      'grpc-timeout': '250m',
      traceparent,
      'user-agent': 'checkout/0.1.0 node',
      'idempotency-key': '"a b"',
      authorization: 'Bearer x',
    });
    assert.deepEqual(metadata, {
      requestId: 'id-1',
      receivedAt: 100,
      deadlineAt: 350,
      traceparent,
      tracestate: undefined,
      baggage: undefined,
      caller: { name: 'checkout/0.1.0', idempotencyKey: 'a b', authorization: 'Bearer x', address: '127.0.0.1' },
    });
    assert.equal(read({}).deadlineAt, Number.POSITIVE_INFINITY);
  });

  const refused: readonly (readonly [string, Record<string, string>, string[]?])[] = [
    ['a malformed timeout', { 'grpc-timeout': 'soon' }],
    ['a malformed idempotency key', { 'idempotency-key': '"a' }],
    ['two idempotency keys', { 'idempotency-key': 'a, a' }, ['idempotency-key', 'a', 'idempotency-key', 'a']],
    ['two authorizations', { authorization: 'a' }, ['authorization', 'a', 'authorization', 'b']],
  ];
  for (const [what, headers, raw] of refused) {
    it(`with ${what} is refused`, () => {
      assert.throws(
        () => read(headers, raw),
        (error) => error instanceof RpcError && error.code === 'invalid_request',
      );
    });
  }

  it('tells the types of gRPC with protobuf from all others', () => {
    const types = ['application/grpc', 'application/grpc+proto', 'application/grpc;x=y', 'Application/gRPC+proto ; q'];
    for (const type of types) assert.equal(isGrpcProto(type), true, type);
    const others = [
      'application/grpc+json',
      'application/grpc-web',
      'application/grpcx',
      'application/json',
      undefined,
    ];
    for (const type of others) assert.equal(isGrpcProto(type), false, String(type));
  });
});

describe('grpc-message', () => {
  it('comes back as it was sent, in printable ASCII', () => {
    const texts = ['plain text ~', '100 %', 'two\nlines', 'снова 🚀', '%41', ''];
    for (const text of texts) {
      const encoded = encodeMessage(text);
      assert.match(encoded, /^[\x20-\x7e]*$/);
      assert.equal(decodeMessage(encoded), text);
    }
    assert.equal(encodeMessage('a%b\n'), 'a%25b%0A');
  });

  it('that is malformed is shown as it is', () => {
    assert.equal(decodeMessage('100 % of it'), '100 % of it');
  });
});

describe('google.rpc.Status', () => {
  const codec = {
    encode: (value: unknown) => Buffer.from(JSON.stringify(value)),
    decode: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()),
  };
  const details: DetailsMessages = new Map([['out_of_stock', { typeName: 'shop.v1.OutOfStock', codec }]]);
  const context = { domain: 'shop.v1.ShopService', requestId: 'id-1', details };
  const roundTrip = (error: RpcError): RpcError =>
    decodeStatus(grpcStatusOf(error), error.message, decodeBinary(encodeBinary(encodeStatus(error, context))), details);
  const factsOf = ({ code, message, reason, details, retryAfterMs, requestId }: RpcError) => ({
    code,
    message,
    reason,
    details,
    retryAfterMs,
    requestId,
  });

  it('carries every code exactly', () => {
    for (const code of Object.keys(CODES) as Code[]) {
      assert.deepEqual(factsOf(roundTrip(new RpcError(code, 'what happened'))), {
        code,
        message: 'what happened',
        reason: undefined,
        details: undefined,
        retryAfterMs: undefined,
        requestId: 'id-1',
      });
    }
  });

  it('carries reason, typed details, pause and request id', () => {
    const error = new RpcError('failed_precondition', 'Not enough', {
      reason: 'out_of_stock',
      details: { missing: 3 },
      retryAfterMs: 1_500,
    });
    assert.deepEqual(factsOf(roundTrip(error)), { ...factsOf(error), requestId: 'id-1' });
  });

  it('carries the issues of invalid params as BadRequest', () => {
    const issues = [{ path: 'items/0/count', message: 'expected a whole number' }];
    const error = new RpcError('invalid_params', 'Invalid params', { details: { issues } });
    assert.deepEqual(roundTrip(error).details, { issues });
    assert.match(Buffer.from(encodeStatus(error, context)).toString('latin1'), /google\.rpc\.BadRequest/);
  });

  it('leaves out details that are too large for trailers, and keeps the rest', () => {
    const error = new RpcError('failed_precondition', 'Not enough', {
      reason: 'out_of_stock',
      details: { text: 'x'.repeat(10_000) },
    });
    const back = roundTrip(error);
    assert.deepEqual([back.code, back.reason, back.details], ['failed_precondition', 'out_of_stock', undefined]);
  });

  it('of a refusal has its own status, and our code', () => {
    const error = new GrpcRefusal(8, 'too large');
    assert.equal(grpcStatusOf(error), 8);
    assert.equal(roundTrip(error).code, 'invalid_request');
  });

  it('of another server, or malformed, gives the code of the status', () => {
    const decode = (status: number, bytes?: Uint8Array) => decodeStatus(status, 'no', bytes, details).code;
    assert.equal(decode(5), 'not_found');
    assert.equal(decode(5, Buffer.from([0xff, 0xff, 0xff])), 'not_found');
    assert.equal(decode(5, Buffer.alloc(100_000, 1)), 'not_found');
    assert.deepEqual([0, 2, 11, 12, 15, 16, 17, -1].map(codeOfGrpcStatus), [
      'internal',
      'internal',
      'failed_precondition',
      'unimplemented',
      'internal',
      'unauthenticated',
      'internal',
      'internal',
    ]);
    assert.match(decodeStatus(14, '', undefined, undefined).message, /^The peer answered gRPC status 14/);
  });
});
