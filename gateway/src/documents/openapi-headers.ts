import { wireSchema } from 'rpc-kit';
import type { Route } from '../route.ts';

export const ref = (kind: string, name: string) => ({ $ref: `#/components/${kind}/${name}` });

/** Headers of answers, by component name. */
export const HEADERS = {
  RequestId: {
    description: "The request's id: the client's where it was usable, else a new one.",
    required: true,
    schema: { type: 'string', minLength: 1, maxLength: 128 },
  },
  CacheControl: { description: 'no-store for everything personal.', schema: { type: 'string' } },
  RateLimit: {
    description: 'Requests that are left at least, by limit: `"address";r=119, "user";r=59`.',
    schema: { type: 'string' },
  },
  RateLimitPolicy: { description: 'Requests in a window of seconds: `"user";q=600;w=60`.', schema: { type: 'string' } },
  RetryAfter: { description: 'Whole seconds to wait before trying again.', schema: { type: 'integer', minimum: 0 } },
  Location: { description: 'The path of what was created.', required: true, schema: { type: 'string' } },
  ETag: { description: 'The version, for If-Match.', required: true, schema: { type: 'string' } },
  Link: { description: 'The next page, with `rel="next"`. Absent on the last page.', schema: { type: 'string' } },
  SetCookie: {
    description: 'The cookies of a session: set in cookie mode, removed by logout.',
    schema: { type: 'string' },
  },
  WwwAuthenticate: { description: 'The challenge of RFC 6750.', required: true, schema: { type: 'string' } },
} as const;

const ALWAYS = {
  'x-request-id': ref('headers', 'RequestId'),
  'cache-control': ref('headers', 'CacheControl'),
  ratelimit: ref('headers', 'RateLimit'),
  'ratelimit-policy': ref('headers', 'RateLimitPolicy'),
};

/** @param refusal the status of a refusal; unset: of a success */
export function answerHeaders(row: Route, refusal?: number) {
  if (refusal === 401) return { ...ALWAYS, 'www-authenticate': ref('headers', 'WwwAuthenticate') };
  if (refusal === 429 || refusal === 503) return { ...ALWAYS, 'retry-after': ref('headers', 'RetryAfter') };
  if (refusal !== undefined) return ALWAYS;
  return {
    ...ALWAYS,
    ...(row.status === 201 && { location: ref('headers', 'Location') }),
    ...(hasVersion(row) && { etag: ref('headers', 'ETag') }),
    ...(row.pages && { link: ref('headers', 'Link') }),
    ...(row.limit === 'auth' && row.who === 'anyone' && { 'set-cookie': ref('headers', 'SetCookie') }),
  };
}

/** Whether a success has an ETag. */
function hasVersion({ path, pages, answer }: Route): boolean {
  return path.startsWith('/products') && !pages && !path.endsWith('/stock') && answer !== undefined;
}

/** Whether If-None-Match may be answered by 304. */
export const isRevalidated = (row: Route): boolean => row.method === 'GET' && hasVersion(row);

const KEY_MEANING = 'Names the intended effect, so that sending it twice has it once.';
// Quoted keys and percent-encoded UTF-8 are also accepted.
const KEY_SCHEMA = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!#$&-~]+$' };
const KEY_EXAMPLE = '8e03978e-40d5-43e8-bc93-6894a57f9324';
const TAG_SCHEMA = { type: 'string', pattern: '^"(0|[1-9][0-9]{0,9})"$' };

/** Headers of requests, by component name. */
export const PARAMETERS = {
  IdempotencyKey: header('idempotency-key', true, KEY_MEANING, KEY_SCHEMA, KEY_EXAMPLE),
  OptionalIdempotencyKey: header('idempotency-key', false, KEY_MEANING, KEY_SCHEMA, KEY_EXAMPLE),
  IfMatch: header(
    'if-match',
    true,
    'The ETag that was read: the change is refused if there was another since.',
    TAG_SCHEMA,
    '"1"',
  ),
  IfNoneMatch: header(
    'if-none-match',
    false,
    'The ETag that was read: without a change since, the answer is 304 and has no body.',
    { type: 'string' },
    '"1"',
  ),
};

function header(name: string, required: boolean, description: string, schema: object, example: string) {
  return { name, in: 'header', required, description, schema, example };
}

export function parametersOf(row: Route): object[] {
  const { params, query, idempotencyKey, ifMatch, example } = row;
  return [
    ...(params ? membersOf('path', wireSchema(params), example?.params) : []),
    ...(query ? membersOf('query', wireSchema(query), example?.query) : []),
    ...(idempotencyKey === 'required' ? [ref('parameters', 'IdempotencyKey')] : []),
    ...(idempotencyKey === 'optional' ? [ref('parameters', 'OptionalIdempotencyKey')] : []),
    ...(ifMatch ? [ref('parameters', 'IfMatch')] : []),
    ...(isRevalidated(row) ? [ref('parameters', 'IfNoneMatch')] : []),
  ];
}

function membersOf(
  place: 'path' | 'query',
  { properties = {}, required = [] }: ReturnType<typeof wireSchema>,
  examples: Readonly<Record<string, string>> = {},
): object[] {
  return Object.entries(properties as Record<string, unknown>).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path' || (required as string[]).includes(name),
    schema,
    ...(examples[name] !== undefined && { example: toExample(schema, examples[name]) }),
  }));
}

/** In an example, a number of the path or query is the number, not its text. */
function toExample(schema: unknown, text: string): string | number {
  return (schema as { type?: string }).type === 'integer' ? Number(text) : text;
}
