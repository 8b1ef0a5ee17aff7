import type { Schema } from './schema-refusals.ts';

type Bound = number | bigint;

const LENGTHS = [
  { least: 'minLength', most: 'maxLength' },
  { least: 'minItems', most: 'maxItems' },
] as const;
const RANGES = [
  { bound: 'minimum', exclusive: 'exclusiveMinimum', step: 1 },
  { bound: 'maximum', exclusive: 'exclusiveMaximum', step: -1 },
] as const;
export const BOUND_KEYWORDS: readonly string[] = [
  ...LENGTHS.flatMap(({ least, most }) => [least, most]),
  ...RANGES.flatMap(({ bound, exclusive }) => [bound, exclusive]),
];

/** The bounds of the second schema that values of the first may pass. */
export function passedBounds(given: Schema, accepted: Schema): string[] {
  return [...LENGTHS.flatMap((keywords) => passedLengths(given, accepted, keywords)), ...passedLimits(given, accepted)];
}

function passedLengths(given: Schema, accepted: Schema, { least, most }: (typeof LENGTHS)[number]): string[] {
  const lengths = (schema: Schema) =>
    [schema[least] ?? 0, schema[most] ?? Number.POSITIVE_INFINITY] as [number, number];
  const [[from, to], [min, max]] = [lengths(given), lengths(accepted)];
  return [...(from < min ? [least] : []), ...(to > max ? [most] : [])];
}

function passedLimits(given: Schema, accepted: Schema): string[] {
  return RANGES.flatMap(({ bound, exclusive, step }): string[] => {
    /** Whether the first bound is the same, or further inside. */
    const isWithin = (own: unknown, limit: Bound): boolean =>
      own !== undefined && (step > 0 ? (own as Bound) >= limit : (own as Bound) <= limit);
    const [own, ownExclusive] = [given[bound], given[exclusive]];
    const [limit, limitExclusive] = [accepted[bound], accepted[exclusive]] as (Bound | undefined)[];
    // The next integer after an exclusive bound is the first that is allowed.
    const reach = given.type === 'integer' && limit !== undefined ? Number(limit) - step : limit;
    return [
      ...(limit === undefined || isWithin(own, limit) || isWithin(ownExclusive, reach as Bound) ? [] : [bound]),
      ...(limitExclusive === undefined ||
      isWithin(ownExclusive, limitExclusive) ||
      (isWithin(own, limitExclusive) && !isSame(own as Bound, limitExclusive))
        ? []
        : [exclusive]),
    ];
  });
}

/** A bigint and a number may be equal. */
const isSame = (a: Bound, b: Bound): boolean => !(a < b) && !(a > b);
