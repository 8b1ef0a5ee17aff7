import { ROUTES, type Route } from 'gateway/routes';
import type { Input } from './inputs.ts';

/** The limits of the gateway's bodies and of every header. */
const BODY_BYTES = 64 * 1_024;
const HEADER_BYTES = 15 * 1_024;
/** Space for the text around the long part of a body. */
const LENGTH = BODY_BYTES - 512;

interface RestRequest {
  readonly verb?: string;
  readonly path?: string;
  readonly headers?: string;
  readonly body?: string | Buffer;
}

function input(name: string, { verb = 'POST', path = '/v1/orders', headers = '', body = '' }: RestRequest): Input {
  const bytes = Buffer.from(body);
  const type = bytes.length > 0 ? 'Content-Type: application/json\r\n' : '';
  const length = verb === 'GET' ? '' : `${type}Content-Length: ${bytes.length}\r\n`;
  const own = 'Host: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer admin\r\nIdempotency-Key: a\r\n';
  const head = `${verb} ${path} HTTP/1.1\r\n${own}${length}${headers}\r\n`;
  return {
    name: `REST: ${name}`,
    service: 'gateway',
    bytes: Buffer.concat([Buffer.from(head, 'latin1'), bytes]),
  };
}

const filled = (unit: string, bytes = LENGTH): string => unit.repeat(Math.floor(bytes / Buffer.byteLength(unit)));
const list = (unit: string, count: number): string => Array(count).fill(unit).join(',');
const order = (items: string): RestRequest => ({ body: `{"items":[${items}]}` });

/** Each member of each route's example is replaced by a long one. */
function longMembers({ method, path, example = {}, ifMatch }: Route): Input[] {
  const address = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => example.params?.[name] ?? '');
  const headers = ifMatch ? 'If-Match: "1"\r\n' : '';
  const text = JSON.stringify(example.body ?? {});
  return [...text.matchAll(/"(\w+)":("[^"]*"|\d+)/g)].flatMap(([found, member = '', value = '']) => {
    const long = value.startsWith('"') ? [`"${filled('😀')}"`, `"${filled('\\u0000')}"`] : ['9'.repeat(LENGTH)];
    return long.map((one, index) =>
      input(`a long ${member} (${index}) of ${method} ${path}`, {
        verb: method,
        path: `/v1${address}`,
        headers,
        body: text.replace(found, `"${member}":${one}`),
      }),
    );
  });
}

const rows: readonly Route[] = Object.values(ROUTES).flat();

const bodies = [
  input('as many items as values are allowed', order(list('{"sku":1,"count":1}', 330))),
  input('many bad items', order(list('{"sku":-1,"count":0}', 330))),
  input('many empty items', order(list('{}', 490))),
  input('many long numbers', order(list('12345678901234567890', 95))),
  input('long keys', order(list(`{"${'k'.repeat(600)}":0}`, 95))),
  input('unknown keys', { body: `{${Array.from({ length: 990 }, (_, index) => `"k${index}":0`).join(',')}}` }),
  input('the same key again and again', { body: `{${list('"items":[]', 490)}}` }),
  input('__proto__ again and again', { body: `{${list('"__proto__":{}', 490)}}` }),
  input('too many values', { body: `[${filled('0,')}0]` }),
  input('brackets', { body: filled('[') }),
  input('quotes', { body: filled('"') }),
  input('escapes', { body: `"${filled('\\')}"` }),
  input('blanks', { body: filled(' ') }),
  input('no UTF-8', { body: Buffer.alloc(LENGTH, 0xff) }),
  input('a body beyond the limit', { body: filled('"', 1_000_000) }),
];

const QUERIES = {
  'many unknown members': 'a&',
  'one member many times': 'limit=1&',
  'many encoded bytes': 'name=%D0%B0&',
  'many broken escapes': '%',
  'many blanks': '+',
  'many brackets': 'a[b]=1&',
};

const lines = [
  ...Object.entries(QUERIES).map(([name, unit]) =>
    input(`a query of ${name}`, { verb: 'GET', path: `/v1/products?${filled(unit, HEADER_BYTES)}` }),
  ),
  ...['name', 'cursor', 'limit'].map((name) =>
    input(`a long ${name}`, { verb: 'GET', path: `/v1/products?${name}=${'9'.repeat(HEADER_BYTES)}` }),
  ),
  ...['/', '/v1/orders/', '/v1/products/%31', '/docs/static/', '/v1/me/sessions/'].map((start) =>
    input(`a long path below ${start}`, { verb: 'GET', path: `${start}${filled('%2e/', HEADER_BYTES)}` }),
  ),
];

const HEADERS: Readonly<Record<string, string>> = {
  'x-forwarded-for': '127.0.0.1,',
  cookie: '__Host-access=a; ',
  'set-cookie': 'a=b; ',
  accept: 'application/problem+json;q=1,',
  'accept-encoding': 'gzip,',
  'if-match': '"1",',
  'if-none-match': 'W/"1",',
  'idempotency-key': '%D0',
  authorization: 'Bearer ',
  'x-request-id': 'a',
  traceparent: '00-',
  'user-agent': 'a/',
  origin: 'http://a,',
  'access-control-request-headers': 'a,',
  'content-type': 'application/json;a=b;',
  'x-session-mode': 'cookie,',
};

const headers = Object.entries(HEADERS).map(([name, unit]) =>
  input(`a long ${name}`, {
    verb: name.startsWith('access') ? 'OPTIONS' : 'GET',
    path: '/v1/products/1',
    headers: `${name}: ${filled(unit, HEADER_BYTES - 512)}\r\n`,
  }),
);

/** As many as one packet holds, or some more. */
const pipelined = ['/v1/me', '/v1/products?limit=0', '/v1/nowhere'].map((path) => {
  const last = input(`300 times GET ${path} at once on one connection`, { verb: 'GET', path });
  const one = Buffer.from(last.bytes.toString('latin1').replace('Connection: close\r\n', ''), 'latin1');
  return { ...last, bytes: Buffer.concat([...Array(299).fill(one), last.bytes]) };
});

export const restInputs: readonly Input[] = [
  ...rows.flatMap(longMembers),
  ...bodies,
  ...lines,
  ...headers,
  ...pipelined,
];
