import assert from 'node:assert/strict';
import { defineService, RpcError, timestamp, uint32 } from 'rpc-kit';
import { createServiceCodec, type MessageCodec } from 'rpc-kit/grpc';
import { z } from 'zod';
import { lockOf } from './every-type.ts';

/** Its fields have the numbers 1 to 8, in this order. */
const params = z.strictObject({
  sku: uint32,
  name: z.string(),
  inner: z.object({ left: uint32, right: uint32 }),
  numbers: z.array(uint32),
  parts: z.array(z.object({ sku: uint32 })),
  colour: z.enum(['red', 'blue']),
  at: timestamp.optional(),
  ratio: z.number(),
});
const contract = defineService(
  'hostile',
  { summary: 'Reads bytes.', version: '1' },
  { read: { summary: 'Reads.', params, result: z.object({}), timeoutMs: 1, example: { params: {}, result: {} } } },
);
const codec = createServiceCodec(contract, lockOf(contract)).byName.get('read')?.params as MessageCodec;

/** What a message without fields has. */
const blank = { sku: 0, name: '', numbers: [], parts: [], ratio: 0 };

const read = (hex: string): unknown => codec.decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const refuse = (bytes: Uint8Array, message: RegExp): void => {
  assert.throws(
    () => codec.decode(bytes),
    (error) => error instanceof RpcError && error.code === 'invalid_request' && message.test(error.message),
  );
};

describe('Bytes that are accepted, as the encoding of protobuf says', () => {
  for (const [what, hex, expected] of [
    ['no bytes', '', {}],
    ['a number twice: the last one counts', '08 01 08 02', { sku: 2 }],
    ['a message twice: its fields are merged', '1a 02 08 01 1a 02 10 02', { inner: { left: 1, right: 2 } }],
    ['a list of numbers, packed', '22 03 01 02 03', { numbers: [1, 2, 3] }],
    ['a list of numbers, one by one', '20 01 20 02', { numbers: [1, 2] }],
    ['a list of numbers, in both forms', '20 01 22 01 02 20 03', { numbers: [1, 2, 3] }],
    ['a packed list without elements', '22 00', { numbers: [] }],
    ['unknown fields of every type', '78 01 79 0000000000000000 7a 01 ff 7d 00000000', {}],
    ['an unknown group with a group inside', '7b 08 01 73 10 01 74 7c', {}],
    ['a number of more bytes than it needs', '08 81 80 80 00', { sku: 1 }],
    ['a number of more than 32 bits, cut to 32', '08 81 80 80 80 70', { sku: 1 }],
    ['an enum of no number', '30 00', {}],
    ['an enum that is unset again', '30 01 30 00', {}],
    ['an unknown number of an enum, which the schema refuses', '30 07', { colour: 7 }],
    ['a negative number of an enum', '30 ff ff ff ff ff ff ff ff ff 01', { colour: -1 }],
    ['a negative zero', '41 0000000000000080', { ratio: -0 }],
    ['not a number, which the schema refuses', '41 000000000000f87f', { ratio: Number.NaN }],
    ['a byte order mark, which is a character', '12 04 efbbbf 61', { name: '\uFEFFa' }],
    [
      'a time that is finer than milliseconds, which the schema refuses',
      '3a 02 10 01',
      { at: '1970-01-01T00:00:00.000000001Z' },
    ],
    [
      'a time of too many nanoseconds, which the schema refuses',
      '3a 06 10 80 94 eb dc 03',
      { at: '0 s and 1000000000 ns since 1970' },
    ],
    [
      'a time before the first millisecond',
      '3a 11 08 ff ff ff ff ff ff ff ff ff 01 10 c0 8f ae dc 03',
      { at: '1969-12-31T23:59:59.999Z' },
    ],
  ] as const) {
    it(`are ${what}`, () => assert.deepEqual(read(hex), { ...blank, ...expected }));
  }
});

describe('Bytes that are refused as invalid_request', () => {
  for (const [what, hex, message] of [
    ['a tag without a value', '08', /premature EOF/],
    ['a number that ends early', '08 80', /premature EOF|invalid varint/],
    ['a number of 11 bytes', '08 ff ff ff ff ff ff ff ff ff ff 01', /invalid varint/],
    ['a text that ends early', '12 05 61', /premature EOF/],
    ['a message that ends early', '1a 05 08', /a length exceeds what is left/],
    ['a length of 4 GiB', '1a ff ff ff ff 0f', /a length exceeds what is left/],
    ['a packed list that ends early', '22 05 01', /a length exceeds what is left/],
    ['an element beyond the end of its packed list', '22 01 80 01', /an element exceeds its list/],
    ['a field beyond the end of its message', '1a 02 08 80 01', /a field exceeds its message/],
    ['a text beyond the end of its message', '1a 02 7a 01 61', /a field exceeds its message/],
    ['a text for a number', '0a 01 61', /field 1 has the wire type 2/],
    ['a number for a text', '10 01', /field 2 has the wire type 0/],
    ['a number for a message', '18 01', /field 3 has the wire type 0/],
    ['a group for a message', '1b 1c', /field 3 has the wire type 3/],
    ['a double for a list of numbers', '21 0000000000000000', /field 4 has the wire type 1/],
    ['a number for a list of messages', '28 01', /field 5 has the wire type 0/],
    ['a text for the seconds of a time', '3a 03 0a 01 61', /field 1 has the wire type 2/],
    ['a time twice', '3a 00 3a 00', /occurs twice/],
    ['a field of the number 0', '00 01', /a field has the number 0/],
    ['a wire type that does not exist', '7e 01', /wire type 6/],
    ['a tag of 33 bits', 'f8 ff ff ff 1f 00', /illegal tag/],
    ['a group without an end', '7b 08 01', /a group has no end/],
    ['a group with the end of another', '7b 6c', /ends with another number/],
    ['an end without a group', '7c', /wire type 4/],
    ['half of a character', '12 01 c3', /UTF-8|encoded data/i],
    ['half of a surrogate pair', '12 03 ed a0 80', /UTF-8|encoded data/i],
    ['a character in too many bytes', '12 02 c0 80', /UTF-8|encoded data/i],
  ] as const) {
    it(`are ${what}`, () => refuse(Buffer.from(hex.replaceAll(' ', ''), 'hex'), message));
  }

  it('are groups that are nested too deep', () => {
    const nested = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x7b), Buffer.alloc(depth, 0x7c)]);
    assert.deepEqual(codec.decode(nested(100)), blank);
    refuse(nested(101), /nested more than 100 deep/);
    refuse(nested(14_000), /nested more than 100 deep/);
  });

  const LIMIT = 30_000;
  for (const [what, one, head] of [
    ['numbers of a packed list', '00', '22 b0 ea 01'],
    ['elements of a list', '20 00', ''],
    ['empty messages', '2a 00', ''],
    ['unknown fields', '78 00', ''],
    ['fields of an unknown group', '08 00', '7b'],
  ] as const) {
    it(`are more than ${LIMIT} ${what}`, () => {
      const start = Buffer.from(head.replaceAll(' ', ''), 'hex');
      refuse(
        Buffer.concat([start, Buffer.alloc(500_000, Buffer.from(one.replaceAll(' ', ''), 'hex'))]),
        /too many fields|a length/,
      );
    });
  }

  it('quote no more than the message and the mistake', () => {
    assert.throws(() => read('12 05 61'), {
      message: 'The bytes are no example.hostile.v1.ReadRequest: premature EOF',
    });
  });
});

describe('Values that are no wire form of the message', () => {
  for (const [what, value] of [
    ['null', null],
    ['a text for a number', { sku: '1' }],
    ['a number of more than 32 bits', { sku: 2 ** 32 }],
    ['a fraction', { sku: 1.5 }],
    ['a number for a text', { name: 1 }],
    ['an unknown value of an enum', { colour: 'green' }],
    ['a text that is no time', { at: 'today' }],
    ['a text for a list', { parts: 'none' }],
    ['a text for a message', { inner: 'none' }],
  ] as const) {
    it(`are refused: ${what}`, () => {
      assert.throws(() => codec.encode(value), Error);
      // The writer of the value that was refused leaves no bytes behind.
      assert.deepEqual(codec.decode(codec.encode(blank)), blank);
    });
  }
});
