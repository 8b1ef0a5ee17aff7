import { CODES, type Code, HTTP_LIMITS } from 'rpc-kit';
import { type RawRequest, requestBytes } from './raw-http.ts';

/** Requests and their exact answers. `*` replaces request ids. */
export interface BadInput {
  readonly title: string;
  readonly sent: readonly (string | Buffer)[];
  readonly status: number;
  /** Undefined: an empty body. */
  readonly body: unknown;
  readonly allow?: string;
}

const NO_ID = null;

/** One call or anything else on `POST /rpc`. */
function onRpc(title: string, request: Omit<RawRequest, 'path'>, status: number, error: object, id: unknown = NO_ID) {
  const body = { jsonrpc: '2.0', id, error };
  return { title: `POST /rpc: ${title}`, sent: [requestBytes({ path: '/rpc', ...request })], status, body };
}

/** A whole envelope with something wrong in it; parsed calls answer HTTP 200. */
function envelope(body: string, error: object, id: unknown = NO_ID): BadInput {
  return onRpc(shortened(body), { body }, 200, error, id);
}

/** Params of a well-formed call. */
function callOf(method: string, params: string, error: object): BadInput {
  const body = `{"jsonrpc":"2.0","id":7,"method":${JSON.stringify(method)},"params":${params}}`;
  return onRpc(`${method}(${shortened(params)})`, { body }, 200, error, 7);
}

function onPlain(title: string, request: RawRequest, status: number, error: object, allow?: string): BadInput {
  const { verb = 'POST', path } = request;
  const sent = [requestBytes(request)];
  return { title: `${verb} ${shortened(path)}: ${title}`, sent, status, body: { error }, ...(allow ? { allow } : {}) };
}

/** Bytes that no HTTP client would send. */
function onWire(title: string, sent: string | readonly (string | Buffer)[], status: number, error?: object): BadInput {
  return {
    title: `on the wire: ${title}`,
    sent: typeof sent === 'string' ? [sent] : sent,
    status,
    body: error && { error },
  };
}

/** An error as `/rpc` and as the plain face say it. */
function rpcError(code: Code, message: string, details?: unknown) {
  const data = { code, ...(details === undefined ? {} : { details }), requestId: '*' };
  return { code: CODES[code].jsonRpc, message, data };
}
export function plainError(code: Code, message: string, details?: unknown) {
  return { code, message, ...(details === undefined ? {} : { details }), requestId: '*' };
}

/** Params that are refused alike on both faces. */
function badParams(method: string, params: string, ...issues: readonly (readonly [path: string, message: string])[]) {
  const details = { issues: issues.map(([path, message]) => ({ path, message })) };
  const [[path, what]] = issues as [[string, string]];
  const message = `Invalid params: ${path === '' ? '' : `${path}: `}${what}`;
  return [
    callOf(method, params, rpcError('invalid_params', message, details)),
    onPlain(
      shortened(params),
      { path: `/${method}`, body: params },
      400,
      plainError('invalid_params', message, details),
    ),
  ];
}

/** A body that never becomes a call, alike on both faces. */
function badBody(title: string, request: Omit<RawRequest, 'path'>, status: number, code: Code, message: string) {
  return [
    onRpc(title, request, status, rpcError(code, message)),
    onPlain(title, { path: '/echo', ...request }, status, plainError(code, message)),
  ];
}

const notJson = (title: string, body: string | Buffer): BadInput[] =>
  badBody(title, { body }, 400, 'parse_error', 'Parse error: the body is not JSON');
const notUtf8 = (title: string, body: Buffer): BadInput[] =>
  badBody(title, { body }, 400, 'parse_error', 'Parse error: the body is not UTF-8');
const tooDeep = (title: string, body: string): BadInput[] =>
  badBody(title, { body }, 400, 'invalid_request', 'Arrays and objects nest deeper than 32');
const wrongType = (contentType: string): BadInput[] =>
  badBody(
    `Content-Type: ${contentType}`,
    { headers: [`Content-Type: ${contentType}`], body: '{}' },
    415,
    'invalid_request',
    'Send the body as Content-Type: application/json (curl: -H content-type:application/json)',
  );
const encoded = (encoding: string): BadInput[] =>
  badBody(
    `Content-Encoding: ${encoding}`,
    { headers: [`Content-Encoding: ${encoding}`], body: '{}' },
    415,
    'invalid_request',
    'Send the body without Content-Encoding',
  );

const invalid = rpcError('invalid_request', 'Invalid request');
const unknownMethod = rpcError('method_not_found', 'Method not found');
const nothingHere = plainError('method_not_found', 'Nothing is at this address; GET /docs lists what there is');
const malformed = plainError('invalid_request', 'This is not a well-formed HTTP/1.1 request');
const tooLarge = 'The body is larger than 1048576 bytes';
const headersTooLarge = plainError('invalid_request', 'The address and the headers are larger than 16384 bytes');
const oneHost = plainError('invalid_request', 'Send one Host header');

const MEGABYTES_10 = 10 * 1024 * 1024;
const head = (line: string, ...headers: readonly string[]): string =>
  [line, 'Host: 127.0.0.1', 'Connection: close', ...headers, '', ''].join('\r\n');
const chunked = (chunk: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);

const INT64 = 'expected a whole number from -9223372036854775808 to 9223372036854775807';
const UINT64 = 'expected a whole number from 0 to 18446744073709551615';
const UINT32 = 'expected a whole number from 0 to 4294967295';
const UINT16 = 'expected a whole number from 0 to 65535';
const TIMESTAMP =
  'expected a point in time of the years 0000 to 9999 in whole milliseconds, such as 2026-01-31T12:00:00Z';

/** Values that are no number of any type, as JSON text. */
const NO_NUMBERS = [
  '1.5',
  '1e400',
  '-1e400',
  '1e-400',
  '0.1234567890123456789',
  '"5"',
  '""',
  'true',
  'null',
  '[]',
  '[5]',
  '{}',
];

export const badInputs: readonly BadInput[] = [
  // Bodies that are no JSON.
  ...notJson('blanks only', '  \n'),
  ...notJson('an object cut off', '{"jsonrpc":"2.0","id":1,"method":"ec'),
  ...notJson('an array cut off', '[{"jsonrpc":"2.0"},'),
  ...notJson('text cut off', '"ab'),
  ...notJson('text cut off in an escape', '"\\u00'),
  ...notJson('a literal cut off', 'tru'),
  ...notJson('single quotes', "{'a':1}"),
  ...notJson('a name without quotes', '{a:1}'),
  ...notJson('a comma at the end of an object', '{"uint16":1,}'),
  ...notJson('a comma at the end of an array', '[1,]'),
  ...notJson('a missing comma', '{"uint16":1 "uint32":2}'),
  ...notJson('a missing colon', '{"uint16" 1}'),
  ...notJson('a comment', '{} // nothing'),
  ...notJson('two values', '{}{}'),
  ...notJson('a bracket too many', '{}]'),
  ...notJson('brackets that do not match', '[}'),
  ...notJson('NaN', '{"uint16":NaN}'),
  ...notJson('Infinity', '{"uint16":-Infinity}'),
  ...notJson('a leading zero', '{"uint16":01}'),
  ...notJson('a plus sign', '{"uint16":+1}'),
  ...notJson('a hexadecimal number', '{"uint16":0x10}'),
  ...notJson('a number without digits after the point', '{"uint16":1.}'),
  ...notJson('a number without digits before the point', '{"uint16":.5}'),
  ...notJson('an exponent without digits', '{"uint16":1e}'),
  ...notJson('a line break within text', '"a\nb"'),
  ...notJson('a NUL byte within text', '"a\0b"'),
  ...notJson('a NUL byte after the value', '{}\0'),
  ...notJson('an unknown escape', '"\\x41"'),
  ...notJson('two byte order marks', '\ufeff\ufeff{}'),
  ...notJson('a no-break space around the value', '\u00a0{}'),
  ...notJson('a form', 'uint16=1&uint32=2'),
  ...notJson('markup', '<?xml version="1.0"?><methodCall/>'),
  onRpc('no body', {}, 400, rpcError('parse_error', 'Parse error: the body is not JSON')),

  // Bytes that are no UTF-8.
  ...notUtf8('an overlong slash', Buffer.from([0x22, 0xc0, 0xaf, 0x22])),
  ...notUtf8('an overlong NUL', Buffer.from([0x22, 0xc0, 0x80, 0x22])),
  ...notUtf8('a sequence cut off by a quote', Buffer.from([0x22, 0xd0, 0x22])),
  ...notUtf8('a sequence cut off by the end', Buffer.from([0x22, 0x61, 0x22, 0xe2, 0x82])),
  ...notUtf8('a continuation byte alone', Buffer.from([0x22, 0x80, 0x22])),
  ...notUtf8('half a surrogate pair', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])),
  ...notUtf8('a character beyond U+10FFFF', Buffer.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22])),
  ...notUtf8('the byte 0xFF', Buffer.from([0x22, 0xff, 0x22])),
  ...notUtf8('UTF-16 with its mark', Buffer.from('\ufeff{}', 'utf16le')),
  ...notUtf8('gzip', Buffer.from([0x1f, 0x8b, 0x08, 0x00])),

  // Bodies that are too large or nest too deep.
  ...badBody(
    'a byte over the limit',
    { body: ' '.repeat(HTTP_LIMITS.bodyBytesMax + 1) },
    413,
    'invalid_request',
    tooLarge,
  ),
  ...badBody('10 MB', { body: Buffer.alloc(MEGABYTES_10, 'x') }, 413, 'invalid_request', tooLarge),
  {
    title: 'POST /rpc: 10 MB in chunks',
    sent: [
      head('POST /rpc HTTP/1.1', 'Transfer-Encoding: chunked'),
      ...Array(160).fill(chunked(Buffer.alloc(65_536, '['))),
      '0\r\n\r\n',
    ],
    status: 413,
    body: { jsonrpc: '2.0', id: null, error: rpcError('invalid_request', tooLarge) },
  },
  {
    title: 'POST /echo: 10 MB in chunks',
    sent: [
      head('POST /echo HTTP/1.1', 'Transfer-Encoding: chunked'),
      ...Array(160).fill(chunked(Buffer.alloc(65_536, ' '))),
      '0\r\n\r\n',
    ],
    status: 413,
    body: { error: plainError('invalid_request', tooLarge) },
  },
  onWire(
    'a body said to be of 8 EB',
    head('POST /echo HTTP/1.1', 'Content-Length: 9223372036854775807', 'Expect: 100-continue'),
    413,
    plainError('invalid_request', tooLarge),
  ),
  ...tooDeep('33 arrays', `${'['.repeat(33)}${']'.repeat(33)}`),
  ...tooDeep('33 objects', `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`),
  ...tooDeep('100,000 arrays', `${'['.repeat(100_000)}${']'.repeat(100_000)}`),
  ...tooDeep('100,000 arrays never closed', '['.repeat(100_000)),
  ...tooDeep('100,000 objects never closed', '{"a":'.repeat(100_000)),

  // Headers of the body.
  ...[
    'text/plain',
    'text/json',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/jsonp',
    '*/*',
    '',
  ].flatMap(wrongType),
  ...['gzip', 'br', 'deflate', 'zstd', 'gzip, identity', ''].flatMap(encoded),
  {
    title: 'POST /rpc: Transfer-Encoding: gzip, chunked',
    sent: [head('POST /rpc HTTP/1.1', 'Transfer-Encoding: gzip, chunked'), '2\r\n{}\r\n0\r\n\r\n'],
    status: 501,
    body: {
      jsonrpc: '2.0',
      id: null,
      error: rpcError('unimplemented', 'Send the body without a Transfer-Encoding other than chunked'),
    },
  },

  // Values that are no call.
  ...[
    'null',
    'true',
    'false',
    '0',
    '1.5',
    '1e400',
    '0.1234567890123456789',
    '12345678901234567890',
    '""',
    '"echo"',
    '{}',
    '{"rawJSON":"1"}',
  ].map((body) => envelope(body, invalid)),
  envelope('[]', invalid),
  envelope('{"__proto__":{"jsonrpc":"2.0","id":1,"method":"echo"}}', invalid),
  envelope('{"jsonrpc":"2.0","method":"echo","id":{}}', invalid),
  envelope('{"jsonrpc":"2.0","method":"echo","id":[1]}', invalid),
  envelope('{"jsonrpc":"2.0","method":"echo","id":true}', invalid),
  envelope(`{"jsonrpc":"2.0","method":"echo","id":"${'x'.repeat(257)}"}`, invalid),
  envelope('{"id":7,"method":"echo"}', invalid, 7),
  ...['"1.0"', '"2.00"', '"2"', '2', '2.0', 'null', 'true', '["2.0"]', '""'].map((version) =>
    envelope(`{"jsonrpc":${version},"id":7,"method":"echo"}`, invalid, 7),
  ),
  envelope('{"JSONRPC":"2.0","id":7,"method":"echo"}', invalid, 7),
  envelope('{"jsonrpc":"2.0","id":7}', invalid, 7),
  envelope('{"jsonrpc":"2.0","id":7,"Method":"echo"}', invalid, 7),
  ...['null', '1', 'true', '["echo"]', '{"name":"echo"}'].map((method) =>
    envelope(`{"jsonrpc":"2.0","id":7,"method":${method}}`, invalid, 7),
  ),
  ...[
    '',
    ' ',
    ' echo',
    'echo ',
    'Echo',
    'ECHO',
    'no_such',
    'subject.echo',
    'echo\0',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'valueOf',
    'rpc.x',
    'rpc.',
    'rpc.Discover',
    '../echo',
    '0',
    'x'.repeat(10_000),
  ].map((method) => envelope(`{"jsonrpc":"2.0","id":7,"method":${JSON.stringify(method)}}`, unknownMethod, 7)),
  envelope('{"jsonrpc":"2.0","id":7,"method":"echo","method":"no_such"}', unknownMethod, 7),
  envelope('{"jsonrpc":"2.0","id":7,"id":8,"method":"no_such"}', unknownMethod, 8),
  envelope('{"jsonrpc":"2.0","id":7,"method":"no_such","__proto__":{"method":"echo"}}', unknownMethod, 7),
  ...['"text"', '""', '1', 'null', 'true', 'false', '0.1234567890123456789', '12345678901234567890'].map((params) =>
    callOf('echo', params, invalid),
  ),

  // Params that do not fit their contract.
  ...['null', 'true', '"text"', '5', '0.1234567890123456789', '12345678901234567890'].map((body) => {
    const what =
      { null: 'null', true: 'boolean', '"text"': 'string', '12345678901234567890': 'bigint' }[body] ?? 'number';
    const message = `Invalid input: expected object, received ${what}`;
    const details = { issues: [{ path: '', message }] };
    return onPlain(
      body,
      { path: '/echo', body },
      400,
      plainError('invalid_params', `Invalid params: ${message}`, details),
    );
  }),
  ...[
    ...NO_NUMBERS,
    '9223372036854775808',
    '-9223372036854775809',
    '9007199254740993.5',
    '1e19',
    '1e999999999',
    '1e-999999999',
    '15e-1',
  ].flatMap((value) => badParams('echo', `{"int64":${value}}`, ['int64', INT64])),
  ...[...NO_NUMBERS, '-1', '18446744073709551616'].flatMap((value) =>
    badParams('echo', `{"uint64":${value}}`, ['uint64', UINT64]),
  ),
  ...[...NO_NUMBERS, '-1', '4294967296', '9223372036854775808'].flatMap((value) =>
    badParams('echo', `{"uint32":${value}}`, ['uint32', UINT32]),
  ),
  ...[...NO_NUMBERS, '-1', '65536', '9223372036854775808'].flatMap((value) =>
    badParams('echo', `{"uint16":${value}}`, ['uint16', UINT16]),
  ),
  ...['"yesterday"', '"2026-02-30T00:00:00Z"', '"2026-11-20"', '1', 'null'].flatMap((value) =>
    badParams('echo', `{"at":${value}}`, ['at', TIMESTAMP]),
  ),
  ...badParams('echo', '{"text":5}', ['text', 'Invalid input: expected string, received number']),
  ...badParams('echo', '{"text":null}', ['text', 'Invalid input: expected string, received null']),
  ...badParams('echo', `{"text":"${'x'.repeat(1_001)}"}`, [
    'text',
    'Too big: expected string to have <=1000 characters',
  ]),
  ...badParams('echo', '{"flag":"true"}', ['flag', 'Invalid input: expected boolean, received string']),
  ...badParams('echo', '{"flag":1}', ['flag', 'Invalid input: expected boolean, received number']),
  ...badParams('echo', '{"key":""}', ['key', 'Too small: expected string to have >=1 characters']),
  ...badParams('echo', '{"key":"\\u0000"}', [
    'key',
    'expected text without control characters and without halves of surrogate pairs',
  ]),
  ...badParams('echo', '{"key":"\\ud800"}', [
    'key',
    'expected text without control characters and without halves of surrogate pairs',
  ]),
  ...badParams('echo', '{"list":[1,2,3,4]}', ['list', 'Too big: expected array to have <=3 items']),
  ...badParams('echo', '{"list":{"0":1,"length":1}}', ['list', 'Invalid input: expected array, received object']),
  ...badParams('echo', '{"list":[1,"2",65536]}', ['list/1', UINT16], ['list/2', UINT16]),
  ...badParams('echo', '{"nested":{}}', ['nested/inner', UINT16]),
  ...badParams('echo', '{"nested":{"inner":1,"outer":2}}', ['nested', 'Unrecognized key: "outer"']),
  ...badParams(
    'echo',
    '{"nested":{"__proto__":{"inner":1}}}',
    ['nested/inner', UINT16],
    ['nested', 'Unrecognized key: "__proto__"'],
  ),
  ...badParams('echo', '{"uint16":1,"uint16":-1}', ['uint16', UINT16]),
  ...['unknown', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'UINT16', 'uint16 ', ''].flatMap((member) =>
    badParams('echo', `{"${member}":{}}`, ['', `Unrecognized key: "${member}"`]),
  ),
  ...badParams('order', '{}', ['user', INT64], ['items', 'Invalid input: expected array, received undefined']),
  ...badParams('order', '[]', ['user', INT64], ['items', 'Invalid input: expected array, received undefined']),
  ...badParams('order', '{"items":[{"sku":1,"count":1}]}', ['user', INT64]),
  ...badParams('order', '{"user":1,"items":[]}', ['items', 'Too small: expected array to have >=1 items']),
  ...badParams('order', '{"user":1,"items":[{"sku":1,"count":0}]}', [
    'items/0/count',
    'Too small: expected number to be >=1',
  ]),
  ...badParams('order', '{"user":1,"items":[null]}', ['items/0', 'Invalid input: expected object, received null']),
  ...badParams('order', '{"user":1,"items":[{"sku":1,"count":1,"price":0}]}', ['items/0', 'Unrecognized key: "price"']),
  onPlain('no body', { path: '/order' }, 400, {
    ...plainError('invalid_params', `Invalid params: user: ${INT64}`),
    details: {
      issues: [
        { path: 'user', message: INT64 },
        { path: 'items', message: 'Invalid input: expected array, received undefined' },
      ],
    },
  }),

  // Params by position.
  ...['[1,2,3]', '[[],[],[],[]]'].flatMap((params) => [
    callOf('subtract', params, rpcError('invalid_params', 'Invalid params: at most 2 by position')),
    onPlain(
      params,
      { path: '/subtract', body: params },
      400,
      plainError('invalid_params', 'Invalid params: at most 2 by position'),
    ),
  ]),
  ...['[1]', '[null,null]'].flatMap((params) => [
    callOf('order', params, rpcError('invalid_params', 'Invalid params: this method takes its params by name')),
    onPlain(
      params,
      { path: '/order', body: params },
      400,
      plainError('invalid_params', 'Invalid params: this method takes its params by name'),
    ),
  ]),
  ...badParams('subtract', '[1]', ['subtrahend', 'Invalid input: expected number, received undefined']),
  ...badParams('subtract', '[1,"2"]', ['subtrahend', 'Invalid input: expected number, received string']),
  ...badParams('subtract', '[null,2]', ['minuend', 'Invalid input: expected number, received null']),

  // Addresses and verbs.
  ...['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'].map((verb) =>
    onPlain(
      'is not allowed',
      { verb, path: '/rpc' },
      405,
      plainError('invalid_request', 'This address takes POST only'),
      'POST',
    ),
  ),
  ...['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].map((verb) =>
    onPlain(
      'is not allowed',
      { verb, path: '/order', body: '{}' },
      405,
      plainError('invalid_request', 'This address takes POST only'),
      'POST',
    ),
  ),
  ...['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY'].map((verb) =>
    onPlain(
      'is not allowed',
      { verb, path: '/echo', body: '{}' },
      405,
      plainError('invalid_request', 'This address takes GET or HEAD or POST only'),
      'GET, HEAD, POST',
    ),
  ),
  ...['POST', 'PUT', 'DELETE', 'OPTIONS'].map((verb) =>
    onPlain(
      'is not allowed',
      { verb, path: '/healthz' },
      405,
      plainError('invalid_request', 'This address takes GET or HEAD only'),
      'GET, HEAD',
    ),
  ),
  {
    title: 'HEAD /order: is not allowed',
    sent: [requestBytes({ verb: 'HEAD', path: '/order' })],
    status: 405,
    body: undefined,
    allow: 'POST',
  },
  ...[
    '/',
    '//',
    '/no_such',
    '/Echo',
    '/echo/',
    '//echo',
    '/echo/x',
    '/rpc/',
    '/rpc/echo',
    '/rpc.discover',
    '/%65cho',
    '/echo%00',
    '/__proto__',
    '/constructor',
    '/toString',
    '/../echo',
    '/../../etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '/.git/config',
    '/docs/../../package.json',
    '/docs/page.css',
    '/;a=b/echo',
    '*',
    `/${'a'.repeat(8_000)}`,
  ].map((path) => onPlain('nothing is there', { verb: 'POST', path, body: '{}' }, 404, nothingHere)),
  onPlain('nothing is there', { verb: 'GET', path: '/?method=echo' }, 404, nothingHere),
  onPlain('nothing is there', { verb: 'POST', path: 'http://localhost/no_such', body: '{}' }, 404, nothingHere),

  // Failures of the inside.
  callOf('broken', '{}', rpcError('internal', 'Internal error')),
  onPlain('an unplanned failure', { path: '/broken', body: '{}' }, 500, plainError('internal', 'Internal error')),
  callOf('never', '{}', rpcError('deadline_exceeded', 'The call took longer than its deadline')),
  onPlain(
    'no answer in time',
    { path: '/never', body: '{}' },
    504,
    plainError('deadline_exceeded', 'The call took longer than its deadline'),
  ),

  // HTTP itself.
  onWire('no HTTP at all', 'hello\r\n\r\n', 400, malformed),
  onWire(
    'bytes of a TLS handshake',
    [Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])],
    400,
    malformed,
  ),
  onWire('an unknown verb', head('BREW /echo HTTP/1.1'), 400, malformed),
  onWire('a verb in small letters', head('post /echo HTTP/1.1'), 400, malformed),
  onWire('HTTP/1.2', head('GET /healthz HTTP/1.2'), 400, malformed),
  onWire('HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, malformed),
  onWire('an address with a space', head('GET /a b HTTP/1.1'), 400, malformed),
  onWire('an address with a NUL', head('GET /a\0b HTTP/1.1'), 400, malformed),
  onWire('a header without a colon', head('GET /healthz HTTP/1.1', 'nonsense'), 400, malformed),
  onWire('a space before the colon', head('GET /healthz HTTP/1.1', 'X-A : 1'), 400, malformed),
  onWire('a header folded over two lines', head('GET /healthz HTTP/1.1', 'X-A: 1', ' 2'), 400, malformed),
  onWire('a NUL in a header', head('GET /healthz HTTP/1.1', 'X-A: a\0b'), 400, malformed),
  onWire('a line ended by LF alone', 'GET /healthz HTTP/1.1\nHost: a\nConnection: close\n\n', 400, malformed),
  onWire('no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', 400, oneHost),
  onWire('two Hosts', head('GET /healthz HTTP/1.1', 'Host: other.example'), 400, oneHost),
  onWire('a Content-Length that is no number', head('POST /echo HTTP/1.1', 'Content-Length: two'), 400, malformed),
  onWire('a negative Content-Length', head('POST /echo HTTP/1.1', 'Content-Length: -1'), 400, malformed),
  onWire('a Content-Length with a sign', head('POST /echo HTTP/1.1', 'Content-Length: +2'), 400, malformed),
  onWire(
    'a Content-Length beyond 64 bits',
    head('POST /echo HTTP/1.1', 'Content-Length: 99999999999999999999'),
    400,
    malformed,
  ),
  onWire('two Content-Lengths', head('POST /echo HTTP/1.1', 'Content-Length: 2', 'Content-Length: 3'), 400, malformed),
  onWire(
    'Content-Length and Transfer-Encoding',
    [head('POST /echo HTTP/1.1', 'Content-Length: 2', 'Transfer-Encoding: chunked'), '2\r\n{}\r\n0\r\n\r\n'],
    400,
    malformed,
  ),
  onWire(
    'a chunk without a size',
    [head('POST /echo HTTP/1.1', 'Transfer-Encoding: chunked'), 'zz\r\n{}\r\n0\r\n\r\n'],
    400,
    malformed,
  ),
  onWire(
    'a chunk longer than it says',
    [head('POST /echo HTTP/1.1', 'Transfer-Encoding: chunked'), '1\r\n{}\r\n0\r\n\r\n'],
    400,
    malformed,
  ),
  onWire('a header of 20,000 bytes', head('GET /healthz HTTP/1.1', `X-A: ${'a'.repeat(20_000)}`), 431, headersTooLarge),
  onWire(
    '1,000 headers',
    head('GET /healthz HTTP/1.1', ...Array.from({ length: 1_000 }, (_, index) => `X-Header-${index}-of-a-thousand: 1`)),
    431,
    headersTooLarge,
  ),
  onWire('an address of 20,000 bytes', head(`GET /${'a'.repeat(20_000)} HTTP/1.1`), 431, headersTooLarge),
  onWire(
    'chunk extensions of 20,000 bytes',
    [head('POST /echo HTTP/1.1', 'Transfer-Encoding: chunked'), `2;a=${'b'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`],
    413,
    plainError('invalid_request', 'The chunk extensions are too large'),
  ),
  onWire(
    'an unknown expectation',
    head('POST /echo HTTP/1.1', 'Expect: a-miracle', 'Content-Length: 0'),
    417,
    plainError('invalid_request', 'No expectation but 100-continue is known'),
  ),
  onWire(
    'a tunnel asked for',
    'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n',
    501,
    plainError('unimplemented', 'This server is no proxy: send the request without CONNECT'),
  ),
];

/** Unusual but valid: each is answered by this result. */
export const oddInputs: readonly (readonly [title: string, request: RawRequest, body: string])[] = [
  ['a byte order mark', { path: '/echo', body: '\ufeff{"uint16":1}' }, '{"uint16":1}'],
  ['blanks around', { path: '/echo', body: ' \t\r\n{ "uint16" : 1 }\n' }, '{"uint16":1}'],
  ['no body for no params', { path: '/echo' }, '{}'],
  ['GET with a body', { verb: 'GET', path: '/echo', body: '{"uint16":1}' }, '{"uint16":1}'],
  ['GET without a body', { verb: 'GET', path: '/echo' }, '{}'],
  ['a query string, which is ignored', { path: '/echo?uint16=2', body: '{}' }, '{}'],
  ['no Content-Type', { path: '/echo', body: '{}' }, '{}'],
  [
    'a Content-Type in capitals with charset',
    { path: '/echo', headers: ['Content-Type: Application/JSON; Charset="UTF-8"'], body: '{}' },
    '{}',
  ],
  ['application/json-rpc', { path: '/echo', headers: ['Content-Type: application/json-rpc'], body: '{}' }, '{}'],
  ['Content-Encoding: identity', { path: '/echo', headers: ['Content-Encoding: identity'], body: '{}' }, '{}'],
  ['Expect: 100-continue', { path: '/echo', headers: ['Expect: 100-continue'], body: '{}' }, 'HTTP/1.1 200 OK'],
  [
    '1.0, 1e2 and -0 as whole numbers',
    { path: '/echo', body: '{"int64":1e2,"uint64":-0,"uint32":1.0,"uint16":-0}' },
    '{"int64":100,"uint64":0,"uint32":1,"uint16":0}',
  ],
  [
    'the edges of every number type',
    {
      path: '/echo',
      body: '{"int64":-9223372036854775808,"uint64":18446744073709551615,"uint32":4294967295,"uint16":65535}',
    },
    '{"int64":-9223372036854775808,"uint64":18446744073709551615,"uint32":4294967295,"uint16":65535}',
  ],
  ['the same member twice: the last counts', { path: '/echo', body: '{"uint16":-1,"uint16":1}' }, '{"uint16":1}'],
  [
    'escaped NUL and half a surrogate pair',
    { path: '/echo', body: '{"text":"\\u0000\\ud800"}' },
    '{"text":"\\u0000\\ud800"}',
  ],
  [
    '32 arrays',
    {
      path: '/rpc',
      body: `{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2,4],"x":${'['.repeat(31)}${']'.repeat(31)}}`,
    },
    '{"jsonrpc":"2.0","id":1,"result":7}',
  ],
  [
    'brackets within text',
    { path: '/echo', body: `{"text":"${'[{\\"'.repeat(100)}"}` },
    `{"text":"${'[{\\"'.repeat(100)}"}`,
  ],
  [
    'unknown members of a call',
    { path: '/rpc', body: '{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2,4],"auth":null,"__proto__":1}' },
    '{"jsonrpc":"2.0","id":1,"result":7}',
  ],
  ['a body just at the limit', { path: '/echo', body: `{}${' '.repeat(HTTP_LIMITS.bodyBytesMax - 2)}` }, '{}'],
];

function shortened(text: string): string {
  const shown = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return shown.length > 80 ? `${shown.slice(0, 60)}… of ${text.length} characters` : shown;
}
