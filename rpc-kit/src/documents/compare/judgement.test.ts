import assert from 'node:assert/strict';
import fc from 'fast-check';
import { z } from 'zod';
import { wireSchema } from '../wire-schema.ts';
import { paramChanges, resultChanges } from './schema-changes.ts';

/** A schema, and the values that its callers write. */
interface Written {
  readonly schema: z.ZodType;
  readonly values: fc.Arbitrary<unknown>;
}
/** The same part of a contract in two versions. */
interface Versions {
  readonly before: Written;
  readonly after: Written;
}

const bound = fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined });
const number = fc.record({ least: bound, above: bound, most: bound, below: bound, whole: fc.boolean() });
const aNumber = number.map(({ least, above, most, below, whole }): Written => {
  let schema = whole ? z.int() : z.number();
  if (least !== undefined) schema = schema.min(least);
  if (above !== undefined) schema = schema.gt(above);
  if (most !== undefined) schema = schema.max(most);
  if (below !== undefined) schema = schema.lt(below);
  const values = fc.integer({ min: -10, max: 10 }).map((half) => half / 2);
  return { schema, values };
});
const aText = fc
  .record({ least: fc.nat({ max: 2 }), most: fc.option(fc.nat({ max: 3 }), { nil: undefined }) })
  .map(({ least, most }): Written => {
    const schema = z.string().min(least);
    return { schema: most === undefined ? schema : schema.max(most), values: fc.string({ maxLength: 4 }) };
  });
const choices = fc.uniqueArray(fc.constantFrom('', 'a', 'bcd'), { minLength: 1 });
const aChoice = fc.tuple(choices, fc.boolean()).map(([names, isUnion]): Written => {
  const [first = '', ...others] = names;
  const schema = isUnion ? z.union([z.literal(first), ...others.map((name) => z.literal(name))]) : z.enum(names);
  return { schema, values: fc.constantFrom(...names) };
});
const aScalar = fc.oneof(
  aNumber,
  aText,
  aChoice,
  fc.constantFrom<Written>(
    { schema: z.boolean(), values: fc.boolean() },
    { schema: z.null(), values: fc.constant(null) },
  ),
);

const NAMES = ['a', 'b', 'c'];
const presence = fc.constantFrom('absent', 'optional', 'required');
const kind = fc.constantFrom('strict', 'open', 'loose');

function anObject(kind: string, members: readonly (readonly [name: string, presence: string, Written])[]): Written {
  const there = members.filter(([, presence]) => presence !== 'absent');
  const shape = Object.fromEntries(
    there.map(([name, presence, { schema }]) => [name, presence === 'optional' ? schema.optional() : schema]),
  );
  const schema = { strict: z.strictObject, open: z.object, loose: z.looseObject }[kind] as typeof z.object;
  const required = there.filter(([, presence]) => presence === 'required').map(([name]) => name);
  const values = fc.record<Record<string, unknown>, string>(
    {
      ...Object.fromEntries(there.map(([name, , { values }]) => [name, values])),
      ...(kind === 'loose' && { other: fc.integer() }),
    },
    { requiredKeys: required },
  );
  return { schema: schema(shape), values };
}

const aRecord = ({ schema, values }: Written): Written => ({
  schema: z.record(z.string(), schema),
  values: fc.dictionary(fc.constantFrom(...NAMES), values),
});
const aList = ({ schema, values }: Written, length: number): Written => ({
  schema: z.array(schema).max(length),
  values: fc.array(values, { maxLength: length }),
});
const orNull = ({ schema, values }: Written, isNullable: boolean): Written =>
  isNullable ? { schema: schema.nullable(), values: fc.option(values) } : { schema, values };
const either = (one: Written, other: Written): Written => ({
  schema: z.union([one.schema, other.schema]),
  values: fc.oneof(one.values, other.values),
});

const { versions } = fc.letrec<{ versions: Versions }>((tie) => {
  const part = tie('versions');
  const size = fc.nat({ max: 2 });
  const member = fc.record({ was: presence, is: presence, part });
  const members = fc.tuple(member, member, member).map((all) => ({
    first: all[0].part,
    before: all.map(({ was, part }, index) => [NAMES[index] as string, was, part.before] as const),
    after: all.map(({ is, part }, index) => [NAMES[index] as string, is, part.after] as const),
  }));
  return {
    versions: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      aScalar.map((same) => ({ before: same, after: same })),
      fc.record({ before: aNumber, after: aNumber }),
      fc.record({ before: fc.oneof(aText, aChoice), after: fc.oneof(aText, aChoice) }),
      fc.record({ before: aScalar, after: aScalar }),
      fc.tuple(size, size, part).map(([was, is, { before, after }]) => ({
        before: aList(before, was),
        after: aList(after, is),
      })),
      fc.tuple(fc.boolean(), fc.boolean(), part).map(([was, is, { before, after }]) => ({
        before: orNull(before, was),
        after: orNull(after, is),
      })),
      fc.tuple(part, part).map(([one, other]) => ({
        before: either(one.before, other.before),
        after: either(other.after, one.after),
      })),
      fc.tuple(part, part).map(([one, other]) => ({ before: one.before, after: either(one.after, other.after) })),
      fc.tuple(kind, kind, members).map(([was, is, { before, after }]) => ({
        before: anObject(was, before),
        after: anObject(is, after),
      })),
      fc.tuple(fc.boolean(), fc.boolean(), kind, members).map(([was, is, other, { first, before, after }]) => ({
        before: was ? aRecord(first.before) : anObject(other, before),
        after: is ? aRecord(first.after) : anObject(other, after),
      })),
    ),
  };
});

const breaks = (before: z.ZodType, after: z.ZodType): boolean =>
  paramChanges(wireSchema(before), wireSchema(after)).some(({ breaks }) => breaks.includes('callers'));

const tree = (more: z.core.$ZodLooseShape): z.ZodObject => {
  const node: z.ZodObject = z.strictObject({
    ...more,
    get branches() {
      return z.array(node);
    },
  });
  return z.strictObject({ tree: node });
};

describe('The judgement of two versions of a schema', () => {
  it('finds a break where any value of the one version is refused by the other', () => {
    const written = versions.chain(({ before, after }) =>
      fc.record({ before: fc.constant(before.schema), after: fc.constant(after.schema), value: before.values }),
    );
    fc.assert(
      fc.property(written, ({ before, after, value }) => {
        if (!before.safeParse(value).success || after.safeParse(value).success) return;
        const [old, now] = [wireSchema(before), wireSchema(after)];
        for (const changes of [paramChanges(old, now), resultChanges(now, old, 'the result')]) {
          assert.ok(
            changes.some(({ breaks }) => breaks.includes('callers')),
            `${JSON.stringify(value)} of ${JSON.stringify(old)} is refused by ${JSON.stringify(now)}`,
          );
        }
      }),
      { numRuns: 3_000, seed: 20 },
    );
  });

  it('finds no change between a schema and itself', () => {
    fc.assert(
      fc.property(versions, ({ before: { schema } }) => {
        assert.deepEqual(paramChanges(wireSchema(schema), wireSchema(schema)), []);
      }),
      { numRuns: 200, seed: 20 },
    );
  });

  for (const [what, narrow, wide] of [
    ['an integer above a bound becomes any', z.int().positive(), z.int()],
    [
      'a choice becomes any short text',
      z.enum(['a', 'b']),
      z
        .string()
        .min(1)
        .max(20)
        .regex(/^[a-z]$/),
    ],
    ['a choice becomes a union of more', z.enum(['a', 'b']), z.union([z.literal('b'), z.literal('a'), z.null()])],
    ['a member becomes one of a record', z.strictObject({ a: z.int().min(1) }), z.record(z.string(), z.int())],
    ['an object accepts any further member', z.object({ a: z.strictObject({}) }), z.object({ a: z.looseObject({}) })],
    ['a recursive type gets an optional member', tree({}), tree({ note: z.string().optional() })],
    ['a type inside itself is wider', tree({ size: z.int().max(5) }), tree({ size: z.int().max(6) })],
    [
      'one of several recursive types is wider',
      z.union([tree({ size: z.int().max(5) }), tree({ name: z.enum(['a']) })]),
      z.union([tree({ size: z.int().max(5) }), tree({ name: z.enum(['a', 'b']) })]),
    ],
  ] as const) {
    it(`finds a break of callers in the one direction only: ${what}`, () => {
      assert.deepEqual([breaks(narrow, wide), breaks(wide, narrow)], [false, true]);
    });
  }

  it('finds none where an integer has the same bound in other words', () => {
    assert.deepEqual([breaks(z.int().min(1), z.int().gt(0)), breaks(z.int().gt(0), z.int().min(1))], [false, false]);
    assert.equal(breaks(z.number().gt(0), z.number().min(1)), true);
  });

  it('reads what other libraries write in JSON Schema', () => {
    const text = { type: 'string' };
    for (const [old, now, isBroken] of [
      [{ type: 'array' }, { type: 'array', items: text }, true],
      [{ type: 'array', items: text }, { type: 'array' }, false],
      [text, { type: ['null', 'string'] }, false],
      [{ type: ['null', 'string'] }, text, true],
      [{ type: 'object' }, { type: 'object', minProperties: 1 }, true],
      [true, text, true],
      [text, false, true],
      [{ $ref: '#/none' }, { $ref: '#/neither' }, true],
    ] as const) {
      const changes = paramChanges({ items: old }, { items: now });
      assert.equal(
        changes.some(({ breaks }) => breaks.includes('callers')),
        isBroken,
        JSON.stringify([old, now]),
      );
    }
  });
});
