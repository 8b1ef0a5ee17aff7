import { ref } from './openapi-headers.ts';
import { refusalResponses } from './refusal-responses.ts';
import { ANYWHERE, AWAY, type Refusal } from './refusals.ts';

const HEADERS = { 'x-request-id': ref('headers', 'RequestId'), 'cache-control': ref('headers', 'CacheControl') };
const RETRY = { 'retry-after': ref('headers', 'RetryAfter') };

interface PageOptions {
  readonly refusals?: readonly Refusal[];
  /** The same type of content with another status. */
  readonly others?: Readonly<Record<number, string>>;
}

function page(summary: string, type: string, { refusals = [], others = {} }: PageOptions = {}) {
  const content = { [type]: { schema: {} } };
  const own = Object.entries({ 200: 'Done.', ...others }).map(([status, description]) => [
    status,
    { description, headers: HEADERS, content },
  ]);
  const refused = refusalResponses([...ANYWHERE, ...refusals], (status) =>
    status === 503 ? { ...HEADERS, ...RETRY } : HEADERS,
  );
  return { get: { tags: ['pages'], summary, responses: { ...Object.fromEntries(own), ...refused } } };
}

export const PAGE_PATHS = {
  '/.well-known/jwks.json': page('The keys that verify access tokens (RFC 7517).', 'application/jwk-set+json', {
    refusals: AWAY,
  }),
  '/healthz': page('Whether the process lives.', 'application/json'),
  '/readyz': page('Whether requests are answered.', 'application/json', { others: { 503: 'The process stops.' } }),
  '/metrics': page('Metrics for Prometheus.', 'text/plain'),
  '/openapi.json': page('This document.', 'application/json'),
  '/docs': page('A page to read about and try each route.', 'text/html'),
};
