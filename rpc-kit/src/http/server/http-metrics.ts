import type { Tally } from '../../telemetry/tally.ts';

/** What a server counts with. `httpMetrics` of rpc-kit/metrics makes it: the core of rpc-kit knows no metrics library. */
export interface HttpServerMetrics {
  /** @param routes the addresses that exist; all others count as `other`, so that callers cannot create series */
  requestsAt(routes: ReadonlySet<string>): HttpMetrics;
  /** What counts the calls of a method that were refused because the service is full. */
  shedOf(method: string): Tally;
  page(): Promise<MetricsPage>;
}

/** The page `/metrics`. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

/** Counts HTTP requests, below the calls: a batch is one request, and so is a request that never becomes a call. */
export interface HttpMetrics {
  /** A request was answered, or its caller left (`finished` false). */
  ended(request: EndedRequest): void;
  /** What counts a request of an existing address that was refused because the service is full. */
  refusalsAt(path: string): readonly Tally[];
  /** The bytes were no request (malformed), or the server was too slow to read a request in time (server). */
  refused(kind: 'malformed' | 'server'): void;
}

export interface EndedRequest {
  readonly verb: string | undefined;
  readonly path: string;
  readonly status: number;
  readonly finished: boolean;
  readonly ms: number;
}

export const UNMEASURED: HttpServerMetrics = {
  requestsAt: () => ({ ended() {}, refusalsAt: () => [], refused() {} }),
  shedOf: () => ({ value: 0 }),
  // A comment of the text format: documents of every service name the page.
  page: async () => ({
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    text: '# Nothing is measured here.\n',
  }),
};
