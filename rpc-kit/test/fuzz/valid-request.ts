import type { Random } from './random.ts';

/** A request before it is bytes. The headers hold no Content-Length: it follows from the body, or is a lie. */
export interface FuzzRequest {
  readonly verb: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

const PARAMS: readonly (readonly [method: string, params: string])[] = [
  ['subtract', '{"minuend":42,"subtrahend":23}'],
  ['subtract', '[42,23]'],
  ['update', '[1,2,3,4,5]'],
  ['sum', '{"a":1,"b":2,"c":4}'],
  ['get_data', '{}'],
  ['greeting', '{}'],
  ['metadata', '{}'],
  ['order', '{"user":1,"items":[{"sku":1,"count":2},{"sku":4294967295,"count":65535}]}'],
  ['order', '{"user":13,"items":[{"sku":773297411,"count":1}]}'],
  ['order', '{"user":9223372036854775807,"items":[{"sku":1,"count":1}]}'],
  [
    'echo',
    '{"int64":-9223372036854775808,"uint64":18446744073709551615,"uint32":7,"uint16":8,"at":"2026-01-31T12:00:00Z",' +
      '"text":"h\\u00e4\\n€😀","flag":true,"key":"k1","list":[1,2,3],"nested":{"inner":5}}',
  ],
  ['echo', '{"text":"\\ud83d\\ude00","nested":{"inner":0}}'],
];

const IDS = ['1', '"a"', 'null', '12345678901234567890', '1.5', '-0', '1e3', '""', '"\\u0000"'];
const META =
  '{"requestId":"r1","deadlineMs":5000,"idempotencyKey":"k","traceparent":"00-1-2-01","authorization":"Bearer x"}';
const PAGES = ['/docs', '/openrpc.json', '/openapi.json', '/healthz', '/readyz', '/metrics', '/'];

const METADATA_LINES: readonly (readonly [string, string])[] = [
  ['X-Request-Id', 'fuzz-1'],
  ['X-Deadline-Ms', '5000'],
  ['Idempotency-Key', 'key-1'],
  ['Traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  ['Authorization', 'Bearer abc'],
  ['User-Agent', 'fuzz/1'],
  ['Accept', '*/*'],
  ['Expect', '100-continue'],
];

/** A request as a well-meaning client might send it, to either face or to a page. */
export function validRequest(random: Random): FuzzRequest {
  const headers: (readonly [string, string])[] = [['Host', '127.0.0.1']];
  if (random.chance(0.7)) headers.push(['Content-Type', 'application/json']);
  for (const line of METADATA_LINES) if (random.chance(0.1)) headers.push(line);
  if (random.chance(0.05))
    return { verb: random.pick(['GET', 'HEAD']), path: random.pick(PAGES), headers, body: EMPTY };
  // Rarely, because each takes until its deadline.
  const [method, params] = random.chance(0.01) ? (['never', '{}'] as const) : random.pick(PARAMS);
  if (random.chance(0.45)) return { verb: 'POST', path: `/${method}`, headers, body: Buffer.from(params) };
  return { verb: 'POST', path: '/rpc', headers, body: Buffer.from(envelopes(random, method, params)) };
}

const EMPTY = Buffer.alloc(0);

function envelopes(random: Random, method: string, params: string): string {
  if (random.chance(0.7)) return envelope(random, method, params);
  const length = random.chance(0.1) ? random.pick([0, 49, 50, 51]) : 1 + random.below(6);
  return `[${Array.from({ length }, () => envelope(random, ...random.pick(PARAMS))).join(',')}]`;
}

function envelope(random: Random, method: string, params: string): string {
  const id = random.chance(0.9) ? `,"id":${random.pick(IDS)}` : '';
  const meta = random.chance(0.1) ? `,"meta":${META}` : '';
  const name = random.chance(0.02) ? 'rpc.discover' : method;
  return `{"jsonrpc":"2.0"${id},"method":"${name}","params":${params}${meta}}`;
}
