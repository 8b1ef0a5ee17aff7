import type { Random } from './random.ts';
import type { FuzzRequest } from './valid-request.ts';

type HeadMutation = (request: FuzzRequest, random: Random) => FuzzRequest;

const VERBS = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT', 'PRI', 'post', 'X', ''];
const PATHS = [
  '',
  '*',
  '//',
  '/rpc/',
  '/RPC',
  '//rpc',
  '/./rpc',
  '/../rpc',
  '/%72pc',
  '/rpc?x=%00',
  '/rpc#x',
  '/__proto__',
  '/constructor',
  '/toString',
  '/rpc.discover',
  '/%',
  '/%ff%fe',
  '/ä',
  'http://127.0.0.1/rpc',
  'http://[::1/rpc',
  'http:///rpc',
  'rpc',
  `/${'a'.repeat(20_000)}`,
];
const LINES: readonly (readonly [string, string])[] = [
  ['Host', 'other'],
  ['Origin', 'null'],
  ['Origin', 'http://127.0.0.1'],
  ['Origin', 'http://evil.example, \x00'],
  ['Sec-Fetch-Site', 'cross-site'],
  ['Sec-Fetch-Site', 'same-origin'],
  ['Accept', 'text/html'],
  ['Accept', ';q=,;,*/*;q=x,text/html;q=1e9'],
  ['Content-Length', '0'],
  ['Content-Length', '5'],
  ['Content-Length', '-1'],
  ['Content-Length', '99999999999999999999'],
  ['Content-Length', '2000000'],
  ['Transfer-Encoding', 'chunked'],
  ['Transfer-Encoding', 'gzip, chunked'],
  ['Transfer-Encoding', 'identity'],
  ['Content-Encoding', 'gzip'],
  ['Content-Type', 'text/plain'],
  ['Content-Type', 'application/json; charset=utf-16'],
  ['Content-Type', ''],
  ['Expect', '100-continue'],
  ['Expect', 'the impossible'],
  ['Upgrade', 'h2c'],
  ['Connection', 'Upgrade'],
  ['Connection', 'keep-alive'],
  ['X-Deadline-Ms', '0'],
  ['X-Deadline-Ms', '-5'],
  ['X-Deadline-Ms', '1'],
  ['X-Deadline-Ms', '999999999999'],
  ['X-Deadline-Ms', '1e9'],
  ['X-Request-Id', 'ä\t"'],
  ['X-Request-Id', 'r'.repeat(5_000)],
  ['Idempotency-Key', ''],
  ['Idempotency-Key', 'k'.repeat(256)],
  ['Traceparent', 'x'.repeat(1_000)],
  ['User-Agent', ''],
  ['X', 'y'.repeat(17_000)],
  ['Bad Name', 'x'],
  ['A', 'b\r\n c'],
  ['', ''],
];

const otherVerb: HeadMutation = (request, random) => ({ ...request, verb: random.pick(VERBS) });
const otherPath: HeadMutation = (request, random) => ({ ...request, path: random.pick(PATHS) });
const scrambledPath: HeadMutation = (request, random) => {
  const at = random.below(request.path.length + 1);
  const inserted = String.fromCharCode(random.below(256));
  return { ...request, path: request.path.slice(0, at) + inserted + request.path.slice(at + random.below(2)) };
};
const extraLine: HeadMutation = (request, random) => ({
  ...request,
  headers: request.headers.toSpliced(random.below(request.headers.length + 1), 0, random.pick(LINES)),
});
const otherCaller: HeadMutation = (request, random) => ({
  ...request,
  headers: [...request.headers, ['User-Agent', `caller-${random.below(1_000_000)}`]],
});
const lostLine: HeadMutation = (request, random) => ({
  ...request,
  headers: request.headers.toSpliced(random.below(request.headers.length), 1),
});
const doubledLine: HeadMutation = (request, random) => ({
  ...request,
  headers: [...request.headers, random.pick(request.headers)],
});
const manyLines: HeadMutation = (request, random) => ({
  ...request,
  headers: [
    ...request.headers,
    ...Array.from({ length: 100 + random.below(2_500) }, (_, each) => [`h${each}`, 'v'] as const),
  ],
});

const HEAD_MUTATIONS = [
  otherVerb,
  otherPath,
  scrambledPath,
  extraLine,
  extraLine,
  extraLine,
  otherCaller,
  lostLine,
  doubledLine,
];

/** Another address, another method, or other headers. */
export function mutateHead(request: FuzzRequest, random: Random): FuzzRequest {
  if (request.headers.length === 0) return extraLine(request, random);
  return random.pick(random.chance(0.01) ? [manyLines] : HEAD_MUTATIONS)(request, random);
}
