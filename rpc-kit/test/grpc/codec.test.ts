import assert from 'node:assert/strict';
import { create, createFileRegistry, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { RpcError } from 'rpc-kit';
import { createServiceCodec, type MessageCodec } from 'rpc-kit/grpc';
import { everyType, lockOf } from './every-type.ts';
import { pairsOf } from './message-pairs.ts';

const SEED = Number(process.env.SEED ?? 20_261_127);

const service = createServiceCodec(everyType, lockOf(everyType));
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [...service.files] }));
const type = registry.getMessage('example.every_type.v1.SendRequest') as DescMessage;
const { params } = service.byName.get('send') as { readonly params: MessageCodec };
const colours = new Map([
  [1, 'dark blue'],
  [2, 'red'],
]);
const pairs = pairsOf(type, colours);

/** `undefined` for bytes that are refused. */
function decoded(bytes: Uint8Array): unknown {
  try {
    return params.decode(bytes);
  } catch (error) {
    assert.ok(error instanceof RpcError && error.code === 'invalid_request', String(error));
    return undefined;
  }
}

describe('The codec of a message', () => {
  it('reads what protobuf-es writes', () => {
    fc.assert(
      fc.property(pairs, ({ message, wire }) => {
        assert.deepEqual(params.decode(toBinary(type, create(type, message as never))), wire);
      }),
      { seed: SEED, numRuns: 1_000 },
    );
  });

  it('writes what protobuf-es reads', () => {
    fc.assert(
      fc.property(pairs, ({ message, wire }) => {
        assert.deepEqual(fromBinary(type, params.encode(wire)), create(type, message as never));
      }),
      { seed: SEED, numRuns: 1_000 },
    );
  });

  it('reads broken bytes as protobuf-es does, or refuses them as invalid_request', () => {
    let accepted = 0;
    const broken = fc.tuple(pairs, fc.array(fc.tuple(fc.nat(2_000), fc.nat(255)), { minLength: 1, maxLength: 4 }));
    fc.assert(
      fc.property(broken, ([{ message }, changes]) => {
        const bytes = toBinary(type, create(type, message as never));
        for (const [index, byte] of changes) if (bytes.length > 0) bytes[index % bytes.length] = byte;
        const value = decoded(bytes);
        if (value === undefined) return;
        accepted += 1;
        assert.deepEqual(value, params.decode(toBinary(type, fromBinary(type, bytes))));
      }),
      { seed: SEED, numRuns: 5_000 },
    );
    assert.ok(accepted > 0);
  });
});
