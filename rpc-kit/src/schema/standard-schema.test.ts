import assert from 'node:assert/strict';
import { toJsonSchema } from '@valibot/to-json-schema';
import { type } from 'arktype';
import * as v from 'valibot';
import * as z from 'zod';
import { createClient } from '../client.ts';
import { defineService, fail, failedWith } from '../contract.ts';
import { wireSchema } from '../documents/wire-schema.ts';
import { createServiceCodec, updateLock } from '../grpc/index.ts';
import { implement } from '../server.ts';
import { compiledSchema } from './compiled-schema.ts';
import { jsonSchema } from './json-schema.ts';
import { type StandardSchema, standardSchema } from './standard-schema.ts';

const item = v.strictObject({ sku: v.pipe(v.number(), v.integer(), v.minValue(1)), note: v.optional(v.string()) });

/** The same params in each library. */
const PARAMS = {
  valibot: standardSchema(item, toJsonSchema(item)),
  arktype: standardSchema(type({ '+': 'reject', sku: 'number.integer >= 1', 'note?': 'string' })),
  zod: standardSchema(z.strictObject({ sku: z.int().min(1), note: z.string().optional() })),
};

describe('a contract from a Standard Schema', () => {
  for (const [library, params] of Object.entries(PARAMS)) {
    describe(`of ${library}`, () => {
      const shop = defineService(
        'shop',
        { summary: 'Sells.', version: '1' },
        {
          buy: {
            summary: 'Buys.',
            params,
            result: params,
            errors: { sold_out: { code: 'not_found', message: 'There is none', details: params } },
            timeoutMs: 1_000,
            positions: ['sku', 'note'],
            example: { params: { sku: 1 }, result: { sku: 1 } },
          },
        },
      );
      const client = createClient(
        shop,
        implement(shop, {
          async buy({ sku, note }) {
            if (sku === 2) throw fail(shop.methods.buy, 'sold_out', { sku, note: 'soon' });
            return note === undefined ? { sku } : { sku: 0, note };
          },
        }),
      );

      it('is called as one of zod', async () => {
        assert.deepEqual(await client.buy({ sku: 7 }), { sku: 7 });
        const error = await client.buy({ sku: 2 }).catch((failure: unknown) => failure);
        assert.ok(failedWith(error, shop.methods.buy, 'sold_out'));
        assert.deepEqual(error.details, { sku: 2, note: 'soon' });
      });

      it('refuses params with their paths, unknown members, and results outside it', async () => {
        for (const [wrong, path] of [
          [{ sku: 0 }, 'sku'],
          [{ sku: 1, note: 5 }, 'note'],
          [{}, 'sku'],
        ] as const) {
          await assert.rejects(
            client.buy(wrong as never),
            (error: { code: string; details: { issues: { path: string }[] } }) => {
              assert.equal(error.code, 'invalid_params');
              assert.equal(error.details.issues[0]?.path, path);
              return true;
            },
          );
        }
        await assert.rejects(client.buy({ sku: 1, other: 1 } as never), { code: 'invalid_params' });
        await assert.rejects(client.buy({ sku: 1, note: 'a' }), { code: 'internal' });
      });

      it('is documented', () => {
        const { type: kind, properties, required, additionalProperties } = wireSchema(params);
        assert.deepEqual(
          [kind, Object.keys(properties as object).sort(), required, additionalProperties],
          ['object', ['note', 'sku'], ['sku'], false],
        );
      });
    });
  }

  it('is refused by protobuf in one sentence, unlike a contract from JSON Schema', () => {
    const codecOf = (params: z.ZodObject) => {
      const method = { summary: 'Buys.', params, result: params, timeoutMs: 1, example: { params: {}, result: {} } };
      const shop = defineService('shop', { summary: 'Sells.', version: '1' }, { buy: method });
      return createServiceCodec(shop, updateLock({ package: 'shop', services: {} }, [shop]));
    };
    assert.throws(() => codecOf(PARAMS.arktype), {
      name: 'TypeError',
      message: /^shop: \w+ has the member (sku|note), of the type unknown; it has no message$/,
    });
    const properties = {
      sku: { type: 'integer', format: 'uint32' },
      names: { type: 'array', items: { type: 'string' } },
    };
    codecOf(jsonSchema({ type: 'object', properties, required: ['sku', 'names'] }));
  });

  it('may be no object, and may allow unknown members, which it passes on', () => {
    const list = compiledSchema(standardSchema(type('string[]')));
    assert.deepEqual(list.decode(['a']).data, ['a']);
    assert.deepEqual(list.encode(['a', 1]).error?.issues[0]?.path, [1]);
    const open = compiledSchema(standardSchema(type({ a: 'string' })));
    assert.deepEqual(open.decode({ a: 'a', b: 1 }).data, { a: 'a', b: 1 });
  });

  it('checks and changes nothing', () => {
    const upper = v.pipe(v.string(), v.toUpperCase());
    assert.equal(standardSchema(upper, { type: 'string' }).parse('a'), 'a');
  });

  it('is refused without a JSON Schema that documents can hold, and when it is asynchronous', () => {
    assert.throws(() => standardSchema(v.string()), {
      name: 'TypeError',
      message:
        'The JSON Schema of a schema of valibot is missing: pass it as the second argument, for the documents of the contract',
    });
    assert.throws(() => standardSchema(v.string(), { $ref: '#/$defs/a', $defs: { a: {} } }), /valibot has a \$ref/);
    const slow: StandardSchema<string> = { '~standard': { version: 1, vendor: 'slow', validate: async () => ({}) } };
    assert.throws(() => standardSchema(slow, { type: 'string' }).parse('a'), /slow is checked asynchronously/);
  });
});
