import { ref } from './openapi-headers.ts';

const headers = { 'x-request-id': ref('headers', 'RequestId') };

function page(summary: string, type: string, answers: Readonly<Record<number, string>> = { 200: 'Done.' }) {
  const responses = Object.entries(answers).map(([status, description]) => [
    status,
    { description, headers, content: { [type]: { schema: {} } } },
  ]);
  return { get: { tags: ['pages'], summary, responses: Object.fromEntries(responses) } };
}

export const PAGE_PATHS = {
  '/.well-known/jwks.json': page('The keys that verify access tokens (RFC 7517).', 'application/jwk-set+json', {
    200: 'The keys.',
    503: 'The service that keeps the keys is not available.',
  }),
  '/healthz': page('Whether the process lives.', 'application/json'),
  '/readyz': page('Whether requests are answered.', 'application/json', { 200: 'Yes.', 503: 'The process stops.' }),
  '/metrics': page('Metrics for Prometheus.', 'text/plain'),
  '/openapi.json': page('This document.', 'application/json'),
  '/docs': page('A page to read about and try each route.', 'text/html'),
};
