import { accounts } from 'accounts/contract.ts';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import { HTTP_LIMITS, type Methods, type ServiceContract } from 'rpc-kit';
import { filled, headerRequest, request, rpcCall } from './requests.ts';

/** One hostile request to one service. */
export interface Input {
  readonly name: string;
  readonly service: string;
  readonly bytes: Buffer;
}

export const contracts: readonly ServiceContract<Methods>[] = [accounts, checkout, loms, notifications, products];

const BYTES_MAX = HTTP_LIMITS.bodyBytesMax;
/** Space for the text around the long part of a body. */
const LENGTH = BYTES_MAX - 512;
/** Just below the limit of values. */
const VALUES = HTTP_LIMITS.valuesMax - 100;
const HEADER_LENGTH = HTTP_LIMITS.headerBytesMax - 1_024;

const LONG_NUMBERS = {
  'a million digits': '9'.repeat(1_000_000),
  'a million digits after the point': `0.${'0'.repeat(1_000_000)}1`,
  'a million zeros, and as large a negative exponent': `1${'0'.repeat(1_000_000)}e-1000000`,
  'an exponent of a million digits': `1e${'9'.repeat(1_000_000)}`,
  'a huge exponent': '1e999999999',
  'a huge negative exponent': '1e-999999999',
};

/** Each integer of each method's example is replaced by a long one. */
function longIntegers({ name: service, methods }: ServiceContract<Methods>): Input[] {
  return Object.entries(methods).flatMap(([method, { example }]) => {
    const text = JSON.stringify(example.params);
    return [...text.matchAll(/(?<=":)\d+/g)].map(({ index, 0: number }) => {
      const where = /"(\w+)":$/.exec(text.slice(0, index))?.[1];
      const params = text.slice(0, index) + LONG_NUMBERS['a million digits'] + text.slice(index + number.length);
      return { name: `a million digits as ${where} of ${method}`, service, bytes: request(rpcCall(method, params)) };
    });
  });
}

const toLoms = (name: string, body: string | Buffer): Input => ({ name, service: loms.name, bytes: request(body) });
const batchOf = (call: string): string => `[${Array(HTTP_LIMITS.batchLengthMax).fill(call).join(',')}]`;
const order = (items: string): string => rpcCall('createOrder', `{"user":1,"items":[${items}]}`);
const long = (text: string): string => text.repeat(LENGTH / Buffer.byteLength(text));

const numbers = Object.entries(LONG_NUMBERS).flatMap(([name, number]) => [
  toLoms(`${name}, by name`, rpcCall('listOrder', `{"orderID":${number}}`)),
  toLoms(`${name}, by position`, rpcCall('listOrder', `[${number}]`)),
  toLoms(`${name}, as an id`, `{"jsonrpc":"2.0","id":${number},"method":"listOrder","params":[1]}`),
  toLoms(`${name}, in meta`, rpcCall('listOrder', '[1]', `"meta":{"deadlineMs":${number}}`)),
]);

const batches = [
  toLoms('50 calls of 20,000 digits', batchOf(rpcCall('listOrder', `[${'9'.repeat(20_000)}]`))),
  toLoms('50 ids of 20,000 digits', batchOf(`{"jsonrpc":"2.0","id":${'9'.repeat(20_000)},"method":"listOrder"}`)),
  toLoms('50 calls of 100 bad items', batchOf(order(Array(100).fill('{"a":0}').join(',')))),
  toLoms(
    '50 calls of 100 items with long keys',
    batchOf(
      order(
        Array(100)
          .fill(`{"${'k'.repeat(180)}":0}`)
          .join(','),
      ),
    ),
  ),
  toLoms('50 methods of 20,000 letters', batchOf(rpcCall('m'.repeat(20_000), '[]'))),
  toLoms('50 times the OpenRPC document', batchOf(rpcCall('rpc.discover', '[]'))),
];

const shapes = [
  toLoms('many numbers', `[${filled(() => '0', BYTES_MAX / 2)}]`),
  toLoms('many long numbers', order(filled(() => '12345678901234567890', HTTP_LIMITS.wideNumbersMax - 2))),
  toLoms('many numbers with an exponent', order(filled(() => '1e99', HTTP_LIMITS.wideNumbersMax - 2))),
  toLoms('many fractions', order(filled(() => '0.5', VALUES))),
  toLoms('many bad items', order(filled(() => '{"sku":-1,"count":0}', VALUES / 3))),
  toLoms('many empty items', order(filled(() => '{}', VALUES / 2))),
  toLoms('a new key for each item', order(filled((index) => `{"${index}k":0}`, VALUES / 2))),
  toLoms('unknown keys', rpcCall('stocks', `{${filled((index) => `"k${index}":0`, VALUES)}}`)),
  toLoms(
    'unknown keys of an envelope',
    rpcCall(
      'stocks',
      '[1]',
      filled((index) => `"k${index}":0`, VALUES),
    ),
  ),
  toLoms('unknown keys of meta', rpcCall('stocks', '[1]', `"meta":{${filled((index) => `"k${index}":0`, VALUES)}}`)),
  toLoms('the same key again and again', rpcCall('stocks', `{${filled(() => '"sku":1', VALUES)}}`)),
  toLoms('__proto__ again and again', rpcCall('stocks', `{${filled(() => '"__proto__":{}', VALUES / 2)}}`)),
  toLoms('deep arrays', order(filled(() => '['.repeat(25) + ']'.repeat(25), VALUES / 26))),
  toLoms('brackets', '['.repeat(BYTES_MAX)),
];

const texts = [
  toLoms('a long key', rpcCall('stocks', `{"${long('k')}":1}`)),
  toLoms('a long key of quotes', rpcCall('stocks', `{"${long('\\"')}":1}`)),
  toLoms('a long method', rpcCall(long('m'), '[]')),
  toLoms('a long id', `{"jsonrpc":"2.0","id":"${long('i')}","method":"stocks","params":[1]}`),
  toLoms('a long idempotency key', rpcCall('createOrder', `{"user":1,"items":[],"idempotencyKey":"${long('ж')}"}`)),
  toLoms('a long idempotency key of emoji', rpcCall('createOrder', `{"user":1,"idempotencyKey":"${long('😀')}"}`)),
  ...['requestId', 'traceparent', 'tracestate', 'baggage', 'idempotencyKey', 'authorization'].map((name) =>
    toLoms(`a long ${name} in meta`, rpcCall('stocks', '[1]', `"meta":{"${name}":"${long('a=b,')}"}`)),
  ),
  toLoms('blanks', ' '.repeat(LENGTH) + rpcCall('stocks', '[1]')),
  toLoms('quotes', '"'.repeat(BYTES_MAX)),
  toLoms('no UTF-8', Buffer.alloc(BYTES_MAX, 0xff)),
  ...['eventID', 'status', 'at'].map((name) => ({
    name: `a long ${name}`,
    service: notifications.name,
    bytes: request(rpcCall('deliver', `{"${name}":"${long('0')}"}`)),
  })),
  ...['from', 'cursor'].map((name) => ({
    name: `a long ${name}`,
    service: notifications.name,
    bytes: request(rpcCall('history', `{"user":1,"${name}":"2026-01-31T12:00:00.${long('0')}Z"}`)),
  })),
];

const HEADERS: Record<string, string> = {
  'x-request-id': 'a',
  traceparent: '00-',
  tracestate: 'a=b,',
  baggage: 'a=b,',
  'user-agent': 'a/',
  'idempotency-key': '%D0',
  authorization: 'Bearer ',
  accept: 'a/b;q=1,',
  'x-deadline-ms': '9',
  origin: 'http://a,',
  host: 'a.',
  expect: 'a,',
  connection: 'a,',
  cookie: 'a=b; ',
};

const headers = [
  ...Object.entries(HEADERS).map(([name, unit]) =>
    headerRequest(`a long ${name}`, `${name}: ${unit.repeat(HEADER_LENGTH / unit.length)}`),
  ),
  headerRequest(
    'a content type of many parameters',
    `content-type: application/json;${'a=b;'.repeat(HEADER_LENGTH / 4)}`,
  ),
  headerRequest(
    'a content type of a long charset',
    `content-type: application/json;charset="${' '.repeat(HEADER_LENGTH)}`,
  ),
  headerRequest('many header lines', Array(1_000).fill('accept: a').join('\r\n')),
].map((made) => ({ ...made, service: loms.name }));

/** As many as one packet holds, or some more. */
const pipelined = [
  toLoms('600 calls at once on one connection', rpcCall('stocks', '[1]')),
  toLoms('600 bad calls at once on one connection', rpcCall('stocks', '[-1]')),
].map((input) => {
  const call = Buffer.from(input.bytes.toString().replace('Connection: close\r\n', ''));
  return { ...input, bytes: Buffer.concat([...Array(599).fill(call), input.bytes]) };
});

export const inputs: readonly Input[] = [
  ...contracts.flatMap(longIntegers),
  ...numbers,
  ...batches,
  ...shapes,
  ...texts,
  ...headers,
  ...pipelined,
];
