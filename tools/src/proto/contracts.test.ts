import assert from 'node:assert/strict';
import { protoLock } from 'proto';
import { resultSchemaOf } from 'rpc-kit';
import { createServiceCodec, type MessageCodec } from 'rpc-kit/grpc';
import { z } from 'zod';
import { contracts } from '../contracts.ts';

/** A value after a way through bytes, in the form that handlers receive. */
const sent = (schema: z.ZodType, codec: MessageCodec, wire: unknown): unknown =>
  z.decode(schema, codec.decode(codec.encode(wire)) as never);

describe('The contracts of all services', () => {
  for (const contract of contracts) {
    it(`keep the examples of ${contract.name} unchanged over gRPC`, () => {
      const { byName } = createServiceCodec(contract, protoLock);
      for (const [name, method] of Object.entries(contract.methods)) {
        const { params, result } = byName.get(name) ?? assert.fail(`no codec for ${name}`);
        const { example } = method;
        assert.deepEqual(sent(method.params, params, example.params), z.decode(method.params, example.params));
        const schema = resultSchemaOf(method);
        assert.deepEqual(sent(schema, result, example.result), z.decode(schema, example.result as never));
      }
    });
  }

  it('refuse the message without fields of a method that requires a text', () => {
    const { params } =
      createServiceCodec(contracts[0] ?? assert.fail(), protoLock).byName.get('login') ?? assert.fail();
    assert.equal(contracts[0]?.methods.login?.params.safeParse(params.decode(new Uint8Array())).success, false);
  });
});
