import assert from 'node:assert/strict';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import type * as z from 'zod';
import { wireSchema } from '../documents/wire-schema.ts';
import { compiledSchema } from './compiled-schema.ts';
import { parseJson, stringifyJson } from './json.ts';
import { type JsonSchemaSource, jsonSchema } from './json-schema.ts';

const ajv = () => new Ajv2020({ strict: false, validateFormats: false, logger: false });

const name = fc.constantFrom('a', 'b', 'c', 'd', 'ü');
const small = fc.nat(3);
const defined = <T extends object>(record: fc.Arbitrary<T>): fc.Arbitrary<JsonSchemaSource> =>
  record.map((schema) => Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined)));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const scalar = fc.oneof(
  fc.constantFrom('', 'a', 'ab', '😀', '1'),
  fc.integer({ min: -3, max: 3 }),
  fc.boolean(),
  fc.constant(null),
);

/** Every schema that `jsonSchema` accepts is made of these. */
const { schema } = fc.letrec<{ schema: JsonSchemaSource; typed: JsonSchemaSource }>((tie) => {
  const bounds = {
    minimum: maybe(fc.integer({ min: -2, max: 2 })),
    exclusiveMaximum: maybe(fc.integer({ min: -2, max: 4 })),
  };
  const text = defined(
    fc.record({
      type: fc.constant('string'),
      minLength: maybe(small),
      maxLength: maybe(small),
      pattern: maybe(fc.constantFrom('^a', 'b$', '^.$', '\\p{L}')),
      format: maybe(fc.constantFrom('email', 'uri')),
      description: maybe(fc.constant('A text.')),
    }),
  );
  const integer = defined(
    fc.record({ type: fc.constant('integer'), multipleOf: maybe(fc.integer({ min: 1, max: 3 })), ...bounds }),
  );
  const number = defined(
    fc.record({ type: fc.constant('number'), exclusiveMinimum: maybe(small), maximum: maybe(small), ...bounds }),
  );
  const list = defined(
    fc.record({ type: fc.constant('array'), items: tie('schema'), minItems: maybe(small), maxItems: maybe(small) }),
  );
  const object = defined(
    fc.record({
      type: fc.constant('object'),
      properties: fc
        .uniqueArray(name, { maxLength: 3 })
        .chain((names) =>
          fc
            .tuple(...names.map(() => tie('schema')))
            .map((schemas) => Object.fromEntries(names.map((each, index) => [each, schemas[index]]))),
        ),
      additionalProperties: maybe(fc.oneof(fc.boolean(), tie('schema'))),
      isRequired: fc.boolean(),
    }),
  ).map(({ isRequired, ...rest }) =>
    isRequired ? { ...rest, required: Object.keys(rest.properties as object).slice(0, 2) } : rest,
  );
  const options = fc.array(tie('schema'), { minLength: 1, maxLength: 3 });
  const typed = fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    text,
    integer,
    number,
    fc.constantFrom({ type: 'boolean' }, { type: 'null' }),
    list,
    object,
  );
  return {
    typed,
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { arbitrary: typed, weight: 6 },
      typed.map(({ type, ...rest }) => ({ ...rest, type: [type === 'null' ? 'boolean' : type, 'null'] })),
      fc.uniqueArray(scalar, { minLength: 1, maxLength: 3 }).map((values) => ({ enum: values })),
      scalar.map((value) => ({ const: value })),
      options.map((anyOf) => ({ anyOf })),
      options.map((oneOf) => ({ oneOf })),
      fc.constant({}),
    ) as fc.Arbitrary<JsonSchemaSource>,
  };
});

const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.constantFrom(0.5, 1e10),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.oneof(name, fc.constantFrom('constructor', 'toString')), tie('value'), { maxKeys: 3 }),
  ),
}));

describe('a contract from JSON Schema', () => {
  it('accepts what the schema accepts, in both directions, and documents say the same', () => {
    fc.assert(
      fc.property(schema, fc.array(value, { minLength: 5, maxLength: 20 }), (source, values) => {
        const made: z.ZodType = jsonSchema(source);
        const { decode, encode } = compiledSchema(made);
        const expected = ajv().compile(source);
        const documented = ajv().compile(wireSchema(made));
        for (const each of values) {
          const shown = JSON.stringify(each);
          const accepted = expected(each);
          assert.equal(made.safeParse(each).success, accepted, shown);
          assert.equal(decode(each).success, accepted, `${shown} compiled`);
          assert.equal(encode(each).success, accepted, `${shown} encoded`);
          assert.equal(documented(each), accepted, `${shown} by ${JSON.stringify(wireSchema(made))}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("has rpc-kit's types where a format names one", () => {
    const order = jsonSchema<{ id: bigint; at?: Date; note?: string | null; sku: number }>({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        id: { type: 'integer', format: 'int64', description: 'Its number.' },
        at: { type: 'string', format: 'date-time' },
        note: { type: ['string', 'null'], format: 'markdown' },
        sku: { type: 'integer', format: 'uint32' },
      },
      required: ['id', 'sku'],
      additionalProperties: false,
    });
    const wire = parseJson('{"id":9007199254740993,"at":"2026-01-31T12:00:00Z","note":null,"sku":7}');
    const { id, at, note, sku } = order.parse(wire);
    assert.deepEqual([id, at, note, sku], [9_007_199_254_740_993n, new Date('2026-01-31T12:00:00Z'), null, 7]);
    assert.equal(stringifyJson(compiledSchema(order).encode({ id, sku }).data), '{"id":9007199254740993,"sku":7}');
    for (const wrong of [{}, { id: 1, sku: 2 ** 32 }, { id: 1.5, sku: 1 }, { id: 1, sku: 1, other: 1 }]) {
      assert.equal(order.safeParse(wrong).success, false);
    }
    assert.deepEqual(Object.keys(order.shape), ['id', 'at', 'note', 'sku']);
    assert.equal((wireSchema(order).properties as Record<string, JsonSchemaSource>).id?.description, 'Its number.');
  });

  it('may refer to its definitions, also from inside one', () => {
    const tree = jsonSchema({
      $ref: '#/$defs/tree',
      $defs: {
        tree: {
          type: 'object',
          properties: { name: { $ref: '#/$defs/name' }, parts: { type: 'array', items: { $ref: '#/$defs/tree' } } },
          required: ['name'],
          additionalProperties: false,
        },
        name: { type: 'string', minLength: 1 },
      },
    });
    assert.equal(tree.safeParse({ name: 'a', parts: [{ name: 'b', parts: [] }] }).success, true);
    assert.deepEqual(tree.safeParse({ name: 'a', parts: [{ name: '' }] }).error?.issues[0]?.path, ['parts', 0, 'name']);
  });

  it('says the path of a mistake', () => {
    const list = jsonSchema({
      type: 'array',
      items: { type: 'object', properties: { n: { type: 'integer', maximum: 3 } } },
    });
    const [issue] = list.safeParse([{ n: 1 }, { n: 4 }]).error?.issues ?? [];
    assert.deepEqual([issue?.path, issue?.message], [[1, 'n'], 'Too big: expected number to be <=3']);
  });

  it('matches a pattern only with a text of an allowed length, because its cost may explode', () => {
    const slow = compiledSchema(jsonSchema({ type: 'string', maxLength: 10, pattern: '^(a+)+$' }));
    assert.deepEqual(
      slow.decode(`${'a'.repeat(100)}!`).error?.issues.map(({ message }) => message),
      ['Too big: expected string to have <=10 characters'],
    );
  });

  it('passes on unknown members only where the schema allows them by name', () => {
    const properties = { a: { type: 'boolean' } };
    const parse = (rest: JsonSchemaSource) =>
      jsonSchema({ type: 'object', properties, ...rest }).safeParse({ a: true, b: 1 });
    assert.equal(parse({ additionalProperties: false }).success, false);
    assert.deepEqual(parse({}).data, { a: true });
    assert.deepEqual(parse({ additionalProperties: true }).data, { a: true, b: 1 });
    assert.equal(parse({ additionalProperties: { type: 'string' } }).success, false);
  });

  for (const [source, message] of [
    [{ type: 'object', minProperties: 1 }, '/minProperties: it is not supported: use zod, or check it in the handler'],
    [{ not: {} }, '/not: it is not supported: use zod, or check it in the handler'],
    [
      { type: 'array', items: {}, uniqueItems: true },
      '/uniqueItems: it is not supported: use zod, or check it in the handler',
    ],
    [{ allOf: [{}] }, '/allOf: it is not supported: use zod, or check it in the handler'],
    [{ minimum: 1 }, '/minimum: it is not checked beside a missing type: move it to where it applies'],
    [{ type: 'string', minimum: 1 }, '/minimum: it is not checked beside type: move it to where it applies'],
    [
      { $ref: '#/$defs/a', $defs: { a: {} }, type: 'string' },
      '/type: it is not checked beside $ref: move it to where it applies',
    ],
    [
      { type: 'integer', format: 'int64', minimum: 1 },
      '/minimum: it is not checked beside the format int64: leave one of them out',
    ],
    [{ anyOf: [{}], type: 'string' }, '/type: it is not checked beside anyOf: move it to where it applies'],
    [{ anyOf: [] }, '/anyOf: it has to be a list of schemas'],
    [{ $ref: 'https://example.com/a' }, '/$ref: refer to one of its $defs'],
    [{ $ref: '#/$defs/b', $defs: { a: {} } }, '/$ref: refer to one of its $defs'],
    [{ type: 'array' }, 'root: say what its items are: "items" is missing'],
    [{ type: 'array', items: false }, '/items: no value fits false: leave it out'],
    [{ type: 'array', items: 1 }, '/items: it has to be a JSON Schema'],
    [{ $defs: null }, '/$defs: it has to be an object of schemas'],
    [{ type: 'array', items: {}, minItems: -1 }, '/minItems: it has to be a whole number from 0'],
    [{ type: 'text' }, '/type: it has to be one of object, array, string, integer, number, boolean, null'],
    [{ type: ['string', 'number'] }, '/type: name one type, or one and "null"; for others use anyOf'],
    [{ type: 'string', pattern: '(' }, '/pattern: it has to be a regular expression of ECMA-262'],
    [{ type: 'number', maximum: '1' }, '/maximum: it has to be a number'],
    [{ type: 'integer', multipleOf: 0.5 }, '/multipleOf: it has to be a whole number above 0'],
    [{ type: 'object', properties: [] }, '/properties: it has to be an object of schemas'],
    [{ type: 'object', required: 'a' }, '/required: it has to be a list of names'],
    [{ type: 'object', required: ['a'] }, '/required: declare "a" in properties'],
    [
      { type: 'object', properties: JSON.parse('{"__proto__":{}}') },
      '/properties: no member can have the name __proto__, which every object has',
    ],
    [
      { type: 'object', properties: { constructor: { type: 'string' } } },
      '/properties: no member can have the name constructor, which every object has',
    ],
    [
      { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
      '/$ref: a is defined by itself: refer to it below a member or items',
    ],
    [
      {
        type: 'array',
        items: { $ref: '#/$defs/a' },
        $defs: { a: { oneOf: [{ type: 'null' }, { $ref: '#/$defs/a' }] } },
      },
      '/items/$ref: a is defined by itself: refer to it below a member or items',
    ],
    [
      { type: 'object', properties: { a: { type: 'object', properties: { b: 1 } } } },
      '/properties/a/properties/b: it has to be a JSON Schema',
    ],
    [{ const: {} }, 'root: const and enum have to name texts, numbers, true, false or null'],
    [{ enum: [1, 'a'], type: 'integer' }, '/type: it does not allow all of [1,"a"]'],
    [
      { $schema: 'http://json-schema.org/draft-07/schema#' },
      '/$schema: write the schema in https://json-schema.org/draft/2020-12/schema',
    ],
  ] as const) {
    it(`is refused, and never checked more loosely than it says: ${JSON.stringify(source)}`, () => {
      assert.throws(() => jsonSchema(source), { name: 'TypeError', message: `JSON Schema, ${message}` });
    });
  }
});
