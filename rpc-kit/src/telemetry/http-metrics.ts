import type { Registry } from 'prom-client';
import { CODES } from '../code.ts';
import type { HttpMetrics, HttpServerMetrics } from '../http/server/http-metrics.ts';
import { shedCounterIn } from './shedding-metrics.ts';
import { talliedCounterIn, talliedHistogramIn } from './tallies.ts';
import type { Distribution, Tally } from './tally.ts';

/** Seconds. The same buckets as for calls, so that the two can be compared. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

const VERBS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS']);

/**
 * For `serveHttp`: the registry is its page `/metrics`, and its requests are counted there.
 * `http_requests_total{verb,route,status}`, `http_request_duration_seconds{verb,route}` and `http_errors_total{route,kind}`,
 * whose kinds are client (4xx), server (5xx), aborted (the caller left) and malformed.
 */
export function httpMetrics(registry: Registry): HttpServerMetrics {
  return {
    requestsAt: (routes) => countRequests(registry, routes),
    shedOf: (method) => shedCounterIn(registry).series({ method }),
    page: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

function countRequests(registry: Registry, routes: ReadonlySet<string>): HttpMetrics {
  const requests = talliedCounterIn(registry, {
    name: 'http_requests_total',
    help: 'HTTP requests answered, by address and status.',
    labelNames: ['verb', 'route', 'status'],
  });
  const seconds = talliedHistogramIn(registry, {
    name: 'http_request_duration_seconds',
    help: 'How long HTTP requests took, from their headers to the last byte of the answer.',
    labelNames: ['verb', 'route'],
    buckets: DURATION_BUCKETS,
  });
  const errors = talliedCounterIn(registry, {
    name: 'http_errors_total',
    help: 'HTTP requests that failed: refused (client), failed here (server), left by the caller (aborted), or no HTTP (malformed).',
    labelNames: ['route', 'kind'],
  });
  const seriesByRoute = new Map<string, Map<string, Series>>();

  /** Caches series by labels: the lookup costs more than the counting. */
  function seriesOf(verb: string, route: string): Series {
    const known = seriesByRoute.get(route)?.get(verb);
    if (known) return known;
    const made: Series = { seconds: seconds.series({ verb, route }), requests: new Map() };
    const byVerb = seriesByRoute.get(route) ?? new Map<string, Series>();
    seriesByRoute.set(route, byVerb.set(verb, made));
    return made;
  }

  function tallyOf(own: Series, verb: string, route: string, status: number): Tally {
    const known = own.requests.get(status);
    if (known) return known;
    const made = requests.series({ verb, route, status: String(status) });
    own.requests.set(status, made);
    return made;
  }

  return {
    ended({ verb: asked = '', path, status, finished, ms }) {
      const verb = VERBS.has(asked) ? asked : 'other';
      const route = routes.has(path) ? path : 'other';
      const own = seriesOf(verb, route);
      own.seconds.observe(ms / 1_000);
      // The answer to a caller that has closed its side is written, whether or not it still reads.
      if (!finished || status === CODES.cancelled.http) {
        errors.series({ route, kind: 'aborted' }).value += 1;
        return;
      }
      tallyOf(own, verb, route, status).value += 1;
      if (status >= 400) errors.series({ route, kind: status >= 500 ? 'server' : 'client' }).value += 1;
    },
    refusalsAt: (route) => [
      requests.series({ verb: 'POST', route, status: String(CODES.unavailable.http) }),
      errors.series({ route, kind: 'server' }),
    ],
    refused(kind) {
      errors.series({ route: 'other', kind }).value += 1;
    },
  };
}

interface Series {
  readonly seconds: Distribution;
  readonly requests: Map<number, Tally>;
}
