import { uint16, uint32, uint64 } from 'rpc-kit';
import { z } from 'zod';

/**
 * The types of REST. An id of 64 bits is text, because JSON.parse of JavaScript rounds numbers beyond 2^53. Amounts are numbers,
 * exact to the last digit.
 */

const ID_MAX = 2n ** 63n - 1n;
/** One spelling for each id: no sign, no leading zero. */
const ID = /^(0|[1-9]\d{0,18})$/;

export const id = z.codec(
  z
    .string()
    .regex(ID, 'expected an id in decimal digits')
    .meta({ examples: ['1'] }),
  z.bigint().max(ID_MAX, 'expected an id in decimal digits'),
  { decode: BigInt, encode: String },
);

/** A whole number in a path or query, as its shortest decimal digits. */
function digits({ min, max }: { readonly min: number; readonly max: number }) {
  const expected = `expected a whole number from ${min} to ${max}`;
  const isIn = (text: string): boolean => /^(0|[1-9]\d{0,9})$/.test(text) && Number(text) >= min && Number(text) <= max;
  // The documents show the number that the text stands for.
  const wire = z.string().refine(isIn, expected).meta({ type: 'integer', minimum: min, maximum: max });
  return z.codec(wire, z.number(), { decode: Number, encode: String });
}

const PAGE_MAX = 100;
const PAGE_DEFAULT = '20';
/** A service's cursor has up to 255 characters; base64 and the signature add a third. */
const CURSOR_LENGTH_MAX = 512;

/** The query of every list. */
export const paging = {
  limit: digits({ min: 1, max: PAGE_MAX }).prefault(PAGE_DEFAULT),
  cursor: z.string().min(1).max(CURSOR_LENGTH_MAX).optional(),
};

export function listOf<I extends z.ZodType>(item: I) {
  return z.object({
    items: z.array(item),
    /** Pass it as `cursor` to get the next page. The last page has none. */
    nextCursor: z.string().optional(),
  });
}

export const skuInPath = digits({ min: 0, max: 2 ** 32 - 1 });
export const countInQuery = digits({ min: 1, max: 2 ** 16 - 1 });

/** The statuses of loms by their names in REST. */
const STATUSES = {
  new: 'new',
  'awaiting payment': 'awaiting_payment',
  failed: 'failed',
  payed: 'paid',
  cancelled: 'cancelled',
} as const;
type LomsStatus = keyof typeof STATUSES;
const REST_STATUSES = Object.values(STATUSES);
const lomsStatuses = new Map(Object.entries(STATUSES).map(([loms, rest]) => [rest, loms as LomsStatus]));

export const orderStatus = z.codec(z.enum(REST_STATUSES), z.enum(Object.keys(STATUSES) as LomsStatus[]), {
  decode: (rest) => lomsStatuses.get(rest) as LomsStatus,
  encode: (status) => STATUSES[status],
});

export const amounts = { sku: uint32, count: uint16, price: uint32, total: uint64 };

/**
 * Details of a service's error in the types of REST. The schemas of errors belong to the services, so members are recognized by
 * their names: `user` and `…ID` are ids, `status` is that of an order.
 */
export function toRestDetails(value: unknown, name = ''): unknown {
  if (typeof value === 'bigint') return isId(name) ? String(value) : z.encode(uint64, value);
  if (typeof value === 'string' && name === 'status') return STATUSES[value as LomsStatus] ?? value;
  if (value instanceof Date || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => toRestDetails(item, name));
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toRestDetails(member, key)]));
}

const isId = (name: string): boolean => name === 'user' || name.endsWith('ID');
