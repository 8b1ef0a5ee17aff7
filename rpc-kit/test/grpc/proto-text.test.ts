import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { defineService, int64, type ServiceContract, text, timestamp, uint16, uint32 } from 'rpc-kit';
import {
  createServiceCodec,
  type ProtoLock,
  toGrpcExample,
  toMethodProto,
  toProtoFile,
  updateLock,
} from 'rpc-kit/grpc';
import { z } from 'zod';
import { everyType, lockOf } from './every-type.ts';

const buf = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf');

/** It contains itself by a getter, as zod documents it. */
const tree = z.object({
  get branches(): z.ZodArray<z.ZodObject> {
    return z.array(tree);
  },
});

const contractOf = (params: z.ZodObject, colours: readonly string[] = ['red']): ServiceContract =>
  defineService(
    'shop',
    { summary: 'Sells.', version: '1' },
    {
      buy: {
        summary: 'Buys.',
        params,
        result: z.object({ colour: z.enum(colours) }),
        timeoutMs: 1,
        example: { params: {}, result: {} },
      },
    },
  );
const colour = z.enum(['red', 'dark blue']);
const numbersOf = (lock: ProtoLock, type: string): unknown => lock.services.shop?.messages[type];
const first = contractOf(z.strictObject({ sku: uint32, note: z.string().optional() }));
const textOf = (contract: ServiceContract, lock: ProtoLock): string => toProtoFile(contract, lock).text;

describe('The .proto file of a contract', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rpc-kit-proto-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (contract: ServiceContract, lock: ProtoLock): string => {
    const { path, text } = toProtoFile(contract, lock);
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    return path;
  };

  it('compiles to the descriptors that the codec uses', () => {
    const lock = lockOf(everyType);
    const path = write(everyType, lock);
    const options = ['--as-file-descriptor-set', '--exclude-source-info', '-o', '-'];
    const image = execFileSync(process.execPath, [buf, 'build', folder, ...options]);
    const compiled = fromBinary(FileDescriptorSetSchema, image).file.find(({ name }) => name === path);
    const own = createServiceCodec(everyType, lock).files.at(-1);
    assert.deepEqual(own, compiled);
  });

  it('passes the standard rules of buf lint', () => {
    write(everyType, lockOf(everyType));
    execFileSync(process.execPath, [buf, 'lint', folder]);
  });

  it('keeps every number when members are added, moved and removed', () => {
    const lock = lockOf(first);
    assert.deepEqual(numbersOf(lock, 'BuyRequest'), { numbers: { sku: 1, note: 2 } });
    const changed = contractOf(z.strictObject({ count: uint32, note: z.string().optional() }));
    const next = updateLock(lock, [changed]);
    assert.deepEqual(numbersOf(next, 'BuyRequest'), { numbers: { note: 2, count: 3 }, reserved: { 1: 'sku' } });
    assert.match(textOf(changed, next), /reserved 1;\n {2}reserved "sku";/);
  });

  it('gives a member that comes back a new number', () => {
    const removed = updateLock(lockOf(first), [contractOf(z.strictObject({ sku: uint32 }))]);
    const lock = updateLock(removed, [first]);
    assert.deepEqual(numbersOf(lock, 'BuyRequest'), { numbers: { sku: 1, note: 3 }, reserved: { 2: 'note' } });
    const text = textOf(first, lock);
    assert.match(text, /reserved 2;\n {2}uint32 sku = 1;\n {2}optional string note = 3;/);
    write(first, lock);
    execFileSync(process.execPath, [buf, 'lint', folder]);
  });

  it('reserves the value of an enum that is removed', () => {
    const params = z.strictObject({});
    const lock = updateLock(lockOf(contractOf(params, ['red', 'dark blue'])), [contractOf(params, ['red'])]);
    assert.match(textOf(contractOf(params, ['red']), lock), /reserved 2;\n {4}reserved "COLOUR_DARK_BLUE";/);
  });

  it('keeps the numbers of a type that no contract uses for now', () => {
    const params = z.strictObject({ inner: z.object({ a: uint32, b: uint32 }) });
    const lock = updateLock(lockOf(contractOf(params)), [first]);
    const back = updateLock(lock, [contractOf(z.strictObject({ inner: z.object({ b: uint32, a: uint32 }) }))]);
    assert.deepEqual(numbersOf(back, 'BuyRequest.Inner'), { numbers: { a: 1, b: 2 } });
  });

  it('needs the numbers of the lock', () => {
    const wider = contractOf(z.strictObject({ sku: uint32, count: uint32 }));
    assert.throws(
      () => createServiceCodec(wider, lockOf(first)),
      /no number for count of BuyRequest: update it by updateLock/,
    );
    assert.throws(() => createServiceCodec(everyType, lockOf(first)), /no service every_type: update it by updateLock/);
  });

  it('says what the service checks beyond the types', () => {
    const limited = contractOf(
      z.strictObject({
        count: uint16.min(1).meta({ format: 'uint16' }),
        skus: z.array(uint32).max(9),
        keys: z.array(text(5)).min(1).max(3),
        limit: uint16.default(20),
        kind: z.literal('box').describe('The only kind.'),
      }),
    );
    const proto = textOf(limited, lockOf(limited));
    assert.ok(
      proto.includes(`message BuyRequest {
  // uint16 (1 or more)
  uint32 count = 1;
  // at most 9 elements
  repeated uint32 skus = 2;
  // 1 to 3 elements, string (1 to 5)
  repeated string keys = 3;
  // uint16, default 20
  optional uint32 limit = 4;
  // The only kind.
  // "box"
  string kind = 5;
}`),
      proto,
    );
  });

  it('shows one method without comments', () => {
    assert.equal(
      toMethodProto(first, 'buy', lockOf(first)),
      `rpc Buy(BuyRequest) returns (BuyResponse);

message BuyRequest {
  uint32 sku = 1;
  optional string note = 2;
}

message BuyResponse {
  enum Colour {
    COLOUR_UNSPECIFIED = 0;
    COLOUR_RED = 1;
  }

  Colour colour = 1;
}`,
    );
  });

  it('keeps a member of any characters as its JSON name', () => {
    const shop = contractOf(z.strictObject({ 'a"b': uint32 }));
    assert.match(toProtoFile(shop, lockOf(shop)).text, /uint32 a_b = 1 \[json_name = "a\\"b"\];/);
  });

  it('is refused for a service whose name begins with no letter', () => {
    const shop = { ...contractOf(z.strictObject({})), name: '9shop' };
    assert.throws(() => lockOf(shop), /The service "9shop" has no name in protobuf: begin its name with a letter/);
  });

  it('gives the example in the JSON of protobuf, for grpcurl', () => {
    const orderID = { ...first.methods.buy, params: z.strictObject({ orderID: int64, at: timestamp, colour }) };
    const example = { params: { orderID: 1, at: '2026-01-31T12:00:00Z', colour: 'dark blue' }, result: {} };
    const shop = defineService('shop', { summary: 'Sells.', version: '1' }, { buy: { ...orderID, example } } as never);
    assert.deepEqual(toGrpcExample(shop, 'buy', lockOf(shop)), {
      method: 'example.shop.v1.ShopService/Buy',
      params: '{"orderID":"1","at":"2026-01-31T12:00:00Z","colour":"COLOUR_DARK_BLUE"}',
    });
    assert.throws(() => toGrpcExample(shop, 'sell', lockOf(shop)), /shop has no method sell/);
    assert.throws(() => toMethodProto(shop, 'sell', lockOf(shop)), /shop has no method sell/);
  });

  for (const [what, params, message] of [
    ['an optional list', { list: z.array(uint32).optional() }, /member list, an optional list/],
    ['a list of lists', { list: z.array(z.array(uint32)) }, /a list of lists/],
    ['a union', { either: z.union([uint32, z.string()]) }, /member either, of the type union/],
    ['null', { none: uint32.nullable() }, /of the type nullable/],
    ['two members of one field name', { orderID: uint32, orderId: uint32 }, /two fields .* name order_id/],
    ['two types of one name', { part: z.object({}), parts: z.array(z.object({})) }, /two types have the name/],
    ['two values of one name', { level: z.enum(['a b', 'a-b']) }, /two values of Level have the name LEVEL_A_B/],
    ['a name of digits', { '2fa': uint32 }, /member 2fa, of whose name protobuf can make none/],
    ['a name of other letters', { 日本: uint32 }, /member 日本, of whose name/],
    ['a list that contains itself', { list: z.array(tree) }, /member branches, which contains itself/],
    ['an enum of numbers', { level: z.enum({ low: 1 } as never) }, /the value 1, which is no text/],
  ] as const) {
    it(`is refused for ${what}, with the member's name`, () => {
      assert.throws(() => lockOf(contractOf(z.strictObject(params))), message);
    });
  }
});
