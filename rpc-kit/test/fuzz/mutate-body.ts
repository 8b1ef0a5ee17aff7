import { BYTE_MUTATIONS, type ByteMutation } from './mutate-bytes.ts';
import type { Random } from './random.ts';
import { validRequest } from './valid-request.ts';

/** What numbers of contracts, doubles and parsers end at. */
const EXTREMES = [
  '0',
  '-0',
  '-1',
  '65535',
  '65536',
  '4294967296',
  '9007199254740993',
  '-9223372036854775809',
  '18446744073709551616',
  '1e308',
  '1e400',
  '-1e-400',
  '0.1234567890123456789',
  '1E+2',
  '01',
  '1.',
  '.5',
  '+1',
  'NaN',
  'Infinity',
  '9'.repeat(400),
  `0.${'0'.repeat(400)}1`,
];

const ODD_VALUES = ['null', 'true', '""', '[]', '{}', '[[]]', '"\\ud800"', '"\\u0000"', '{"__proto__":{"a":1}}'];
const ODD_KEYS = ['__proto__', 'constructor', 'toString', 'then', 'toJSON', 'rawJSON', 'id', 'jsonrpc', 'meta', ''];

const extremeNumber: ByteMutation = (body, random) => replaceOne(body, /-?\d+(\.\d+)?/g, random.pick(EXTREMES), random);
const oddValue: ByteMutation = (body, random) => {
  return replaceOne(body, /"[^"]*"(?!:)|-?\d+|true|null/g, random.pick(ODD_VALUES), random);
};
const oddKey: ByteMutation = (body, random) =>
  replaceOne(body, /"[^"]*"(?=:)/g, JSON.stringify(random.pick(ODD_KEYS)), random);

/** A member of one request in another one. */
const splice: ByteMutation = (body, random) => {
  const other = validRequest(random).body.toString('utf8');
  const member = random.pick(other.match(/"\w+":("[^"]*"|-?\d+|\[[^\]]*\]|\{[^}]*\})/g) ?? ['"a":1']);
  return replaceOne(body, /[{,](?=")/g, (found) => (found === '{' ? `{${member},` : `,${member},`), random);
};

const nest: ByteMutation = (body, random) => {
  const depth = random.pick([1, 30, 31, 32, 33, 100, 5_000]);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
    ['[{"params":', '}]'],
  ] as const);
  return replaceOne(
    body,
    /-?\d+|"[^"]*"(?!:)|\{/g,
    (found) => open.repeat(depth) + found + close.repeat(depth),
    random,
  );
};

/** More than a server reads of a body, be it to discard it. Batches of batches would grow beyond the longest text that there is. */
export const BATCH_BYTES_MAX = 32 * 1024 * 1024;

const inBatch: ByteMutation = (body, random) => {
  const length = random.pick([1, 2, 5, 50, 51, 200]);
  if (length * body.length > BATCH_BYTES_MAX) return body;
  return Buffer.from(`[${Array.from({ length }, () => body.toString('utf8')).join(',')}]`);
};

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

const wrongEncoding: ByteMutation = (body, random) => {
  const text = body.toString('utf8');
  switch (random.below(6)) {
    case 0:
      return Buffer.from(text, 'utf16le');
    case 1:
      return Buffer.from(text.replace('h', 'hä'), 'latin1');
    case 2:
      return Buffer.concat([BYTE_ORDER_MARK, body]);
    case 3:
      // A surrogate and an overlong slash, as UTF-8 must not have them.
      return Buffer.concat([body.subarray(0, body.length >> 1), Buffer.from([0xed, 0xa0, 0x80, 0xc0, 0xaf]), body]);
    case 4:
      return BYTE_ORDER_MARK;
    default:
      return Buffer.from(body.toString('base64'));
  }
};

const long: ByteMutation = (body, random) => {
  const length = random.pick([300, 1_001, 20_000]);
  return replaceOne(body, /"[^"]*"|\d+/g, JSON.stringify('x'.repeat(length)), random);
};

const JSON_MUTATIONS = [extremeNumber, oddValue, oddKey, splice, nest, inBatch, wrongEncoding, long];

/** Another value as a body; rarely, because of its size, one beyond the limit. */
export function mutateBody(body: Buffer, random: Random): Buffer {
  if (random.chance(0.001)) return Buffer.alloc(1024 * 1024 + random.below(2) * 4096, ' ');
  return random.pick(random.chance(0.5) ? BYTE_MUTATIONS : JSON_MUTATIONS)(body, random);
}

function replaceOne(body: Buffer, what: RegExp, by: string | ((found: string) => string), random: Random): Buffer {
  const text = body.toString('utf8');
  const found = [...text.matchAll(what)];
  if (found.length === 0) return body;
  const { 0: old, index } = random.pick(found);
  return Buffer.from(text.slice(0, index) + (typeof by === 'string' ? by : by(old)) + text.slice(index + old.length));
}
