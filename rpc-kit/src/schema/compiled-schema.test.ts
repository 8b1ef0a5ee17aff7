import assert from 'node:assert/strict';
import fc from 'fast-check';
import { z } from 'zod';
import { compiledSchema } from './compiled-schema.ts';
import { parseJson, rawNumber, stringifyJson, toWireInteger } from './json.ts';
import { idempotencyKey, int64, timestamp, uint16, uint32, uint64 } from './wire-types.ts';

/** A schema with values of both sides, most of which fit it. */
interface Sample {
  readonly schema: z.ZodType;
  readonly wire: fc.Arbitrary<unknown>;
  readonly inside: fc.Arbitrary<unknown>;
}

const wide = fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n });
const wideWire = fc.oneof(wide.map(toWireInteger), wide, fc.constant(rawNumber('1.5')));
const number = fc.oneof(fc.integer({ min: -3, max: 70_000 }), fc.double());
const text = fc.string({ maxLength: 4 });
const same = (schema: z.ZodType, values: fc.Arbitrary<unknown>): Sample => ({ schema, wire: values, inside: values });

const leaf = fc.constantFrom<Sample[]>(
  { schema: int64, wire: wideWire, inside: wide },
  { schema: uint64, wire: wideWire, inside: wide },
  {
    schema: timestamp,
    wire: fc.constantFrom('2026-01-31T12:00:00Z', '2026-01-31T12:00:00+02:00', '9999-12-31T23:59:59-02:00', 'soon'),
    inside: fc.date({ noInvalidDate: false }),
  },
  same(uint32, number),
  same(uint16.min(1), number),
  same(idempotencyKey, fc.string({ maxLength: 3, unit: 'binary' })),
  same(z.string().trim().min(1), text),
  same(z.boolean(), fc.boolean()),
  same(z.enum(['a', 'b']), fc.constantFrom('a', 'b', 'c')),
  same(z.literal(7), fc.constantFrom(7, 8)),
  same(z.unknown(), fc.jsonValue()),
  same(z.record(z.string(), uint16), fc.dictionary(text, number)),
  same(z.union([uint16, z.boolean()]), fc.oneof(number, fc.boolean())),
  { schema: z.union([int64, timestamp]), wire: wideWire, inside: wide },
  { schema: z.record(z.string(), int64), wire: fc.dictionary(text, wideWire), inside: fc.dictionary(text, wide) },
  // What has no mirror: it goes to zod as a whole.
  { schema: int64.refine((value) => value !== 5n), wire: wideWire, inside: wide },
  same(z.string().catch('caught'), text),
);

/** Containers of samples, three deep. */
const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    leaf,
    tie('sample').map(optional),
    tie('sample').map(nullable),
    fc.tuple(tie('sample'), fc.nat(2)).map(([part, least]) => list(part, least)),
    fc
      .tuple(fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('sample')), fc.nat(2))
      .map(([parts, kind]) => object(parts, kind)),
  ),
}));

function optional({ schema, wire, inside }: Sample): Sample {
  const or = (values: fc.Arbitrary<unknown>) => fc.option(values, { nil: undefined });
  return { schema: schema.optional(), wire: or(wire), inside: or(inside) };
}

function nullable({ schema, wire, inside }: Sample): Sample {
  return { schema: schema.nullable(), wire: fc.option(wire), inside: fc.option(inside) };
}

function list({ schema, wire, inside }: Sample, least: number): Sample {
  const some = (values: fc.Arbitrary<unknown>) => fc.array(values, { maxLength: 4 });
  return { schema: z.array(schema).min(least).max(3), wire: some(wire), inside: some(inside) };
}

function object(parts: Record<string, Sample>, kind: number): Sample {
  const entries = Object.entries(parts);
  const shape = Object.fromEntries(entries.map(([name, { schema }]) => [name, schema]));
  const [strict, loose, checked] = [
    z.strictObject(shape),
    z.object(shape),
    z.object(shape).refine((value) => !('x' in value)),
  ];
  // Sometimes one is missing, sometimes there is one too many.
  const of = (side: 'wire' | 'inside') =>
    fc.record(
      { ...Object.fromEntries(entries.map(([name, part]) => [name, part[side]])), x: fc.constant(1) },
      { requiredKeys: Object.keys(parts) as never[] },
    );
  const mostly = (side: 'wire' | 'inside') =>
    fc.oneof(
      of(side).map(({ x: _, ...rest }) => rest),
      of(side),
      fc.constant({}),
    );
  return { schema: [strict, loose, checked][kind] ?? strict, wire: mostly('wire'), inside: mostly('inside') };
}

const outcome = (run: () => z.ZodSafeParseResult<unknown>): unknown => {
  try {
    const { success, data, error } = run();
    return success ? { data } : { issues: error.issues };
  } catch (error) {
    return { thrown: String(error) };
  }
};

describe('a compiled schema', () => {
  it('decodes as zod does, values and words', () => {
    fc.assert(
      fc.property(
        sample.chain(({ schema, wire }) =>
          fc.tuple(
            fc.constant(schema),
            fc.oneof({ weight: 9, arbitrary: wire }, { weight: 1, arbitrary: fc.anything() }),
          ),
        ),
        ([schema, value]) => {
          assert.deepEqual(
            outcome(() => compiledSchema(schema).decode(value)),
            outcome(() => z.safeDecode(schema, value as never)),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('encodes as zod does, values and words', () => {
    fc.assert(
      fc.property(
        sample.chain(({ schema, inside }) =>
          fc.tuple(
            fc.constant(schema),
            fc.oneof({ weight: 9, arbitrary: inside }, { weight: 1, arbitrary: fc.anything() }),
          ),
        ),
        ([schema, value]) => {
          assert.deepEqual(
            outcome(() => compiledSchema(schema).encode(value)),
            outcome(() => z.safeEncode(schema, value as never)),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('returns values that share nothing with the input', () => {
    const schema = z.object({ list: z.array(z.object({ count: uint32 })) });
    const value = { list: [{ count: 1 }] };
    for (const made of [compiledSchema(schema).decode(value), compiledSchema(schema).encode(value)]) {
      const { list } = made.data as typeof value;
      assert.deepEqual(list, value.list);
      assert.notEqual(list, value.list);
      assert.notEqual(list[0], value.list[0]);
    }
  });

  it('may hold itself', () => {
    const tree = z.strictObject({
      id: int64,
      get branches() {
        return z.array(tree);
      },
    });
    const value = { id: 2n ** 60n, branches: [{ id: 1n, branches: [] }] };
    const { data: wire } = compiledSchema(tree).encode(value);
    assert.deepEqual(compiledSchema(tree).decode(wire).data, value);
  });

  it('reads each double that JSON writes, also those that are whole numbers beyond 2^53', () => {
    const list = compiledSchema(
      z.strictObject({
        list: z.array(z.union([z.boolean(), z.number()])),
        id: int64,
        by: z.record(z.string(), z.number()),
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })), (doubles) => {
        const value = { list: doubles.map((double) => (double === 0 ? 0 : double)), id: 2n ** 62n, by: { a: 1e20 } };
        const wire = parseJson(stringifyJson(list.encode(value).data));
        assert.deepEqual(list.decode(wire).data, value);
      }),
      { numRuns: 300 },
    );
    assert.deepEqual(compiledSchema(z.number()).decode(parseJson('-1e300')).data, -1e300);
  });

  it('refuses a number that no double holds with these digits, and an integer that is too large', () => {
    for (const [schema, text] of [
      [z.number(), '12345678901234567890'],
      [z.number(), '1e400'],
      [z.int(), '1e20'],
      [int64, '1e300'],
    ] as const) {
      assert.equal(compiledSchema(schema).decode(parseJson(text)).success, false, text);
    }
  });

  it('is compiled once', () => {
    assert.equal(compiledSchema(int64), compiledSchema(int64));
  });
});
