import assert from 'node:assert/strict';
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence as Presence } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';

/** One message for protobuf-es, and the same in wire form. */
export interface Pair {
  readonly message: unknown;
  readonly wire: unknown;
}

const same = (value: unknown): Pair => ({ message: value, wire: value });
const wide = (value: bigint): Pair => {
  const number = Number(value);
  return { message: value, wire: Number.isSafeInteger(number) ? number : value };
};

const wholes = fc.oneof(fc.maxSafeInteger().map(BigInt), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
const naturals = fc.oneof(fc.maxSafeNat().map(BigInt), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));

const SCALARS: Partial<Record<ScalarType, fc.Arbitrary<Pair>>> = {
  [ScalarType.INT64]: wholes.map(wide),
  [ScalarType.UINT64]: naturals.map(wide),
  [ScalarType.UINT32]: fc.nat(2 ** 32 - 1).map(same),
  [ScalarType.DOUBLE]: fc.double().map(same),
  [ScalarType.BOOL]: fc.boolean().map(same),
  [ScalarType.STRING]: fc.string({ unit: 'binary', maxLength: 200 }).map(same),
};

/** The years 0 to 9999, in whole milliseconds. */
const times = fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }).map((date) => {
  const seconds = Math.floor(date.getTime() / 1000);
  const nanos = (date.getTime() - seconds * 1000) * 1_000_000;
  return { message: { seconds: BigInt(seconds), nanos }, wire: date.toISOString() };
});

/** Messages of a type, each as both sides have it. */
export function pairsOf(type: DescMessage, enumValues: ReadonlyMap<number, string>): fc.Arbitrary<Pair> {
  if (type.typeName === 'google.protobuf.Timestamp') return times;
  const single = (field: DescField): fc.Arbitrary<Pair> => {
    if (field.message) return pairsOf(field.message, enumValues);
    if (field.enum) return fc.constantFrom(...enumValues).map(([number, value]) => ({ message: number, wire: value }));
    return SCALARS[field.scalar as ScalarType] ?? assert.fail(`${field} has no values`);
  };
  const isRequired = (field: DescField): boolean => field.fieldKind === 'list' || field.presence === Presence.IMPLICIT;
  const values = type.fields.map((field) => {
    const value =
      field.fieldKind === 'list'
        ? fc.array(single(field), { maxLength: 5 }).map((pairs) => ({
            message: pairs.map(({ message }) => message),
            wire: pairs.map(({ wire }) => wire),
          }))
        : single(field);
    return isRequired(field) ? value : fc.option(value, { nil: undefined });
  });
  return fc.tuple(...values).map((pairs) => {
    const message: Record<string, unknown> = {};
    const wire: Record<string, unknown> = {};
    for (const [index, { localName, jsonName }] of type.fields.entries()) {
      const pair = pairs[index];
      if (!pair) continue;
      message[localName] = pair.message;
      wire[jsonName] = pair.wire;
    }
    return { message, wire };
  });
}
