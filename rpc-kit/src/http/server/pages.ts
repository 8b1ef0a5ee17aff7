import type { ServiceContract } from '../../contract.ts';
import { docsPage } from '../../documents/docs-page/docs-page.ts';
import { openApiDocument } from '../../documents/openapi.ts';
import { atHost, type OpenRpcDocument, openRpcDocument } from '../../documents/openrpc.ts';
import type { PageAddress, Place } from '../../documents/place.ts';
import type { Scheme } from './browser-boundary.ts';
import type { MetricsPage } from './http-metrics.ts';

/** Rejects with a sentence for the operator while the service cannot serve. */
export type ReadinessCheck = (signal: AbortSignal) => Promise<void>;

export interface ReadinessSources {
  /** By name, e.g. `database`, `migrations`. */
  readonly readiness: Readonly<Record<string, ReadinessCheck>>;
  /** True once the service is stopping. */
  readonly draining: () => boolean;
  /** Called for each failed readiness check: the page itself names only the check. */
  readonly onNotReady: (check: string, error: unknown) => void;
}

export interface PageSources extends ReadinessSources {
  readonly contract: ServiceContract;
  readonly place: Place;
  readonly metricsPage: () => Promise<MetricsPage>;
  readonly scheme: Scheme;
}

export interface Page {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** Sent unchanged. */
  readonly text: string;
}

/** Renders a page for the Host of the request. */
type Render = (host?: string) => Promise<Page>;

export interface Pages {
  /** The pages by path. */
  readonly routes: ReadonlyMap<string, Render>;
  /** Redirects a person who opens one of the service's roots in a browser to the documentation. */
  readonly forBrowsers: Page;
  readonly roots: ReadonlySet<string>;
  /** Leads the sender of a request without a route to the documentation. */
  readonly hint: string;
  openRpcAt(host: string | undefined): OpenRpcDocument;
}

/** A readiness check that takes longer counts as failed; probes come again within seconds. */
const READINESS_TIMEOUT_MS = 2_000;

export function createPages(sources: PageSources): Pages {
  const { place } = sources;
  const { prefix } = place;
  const openRpc = openRpcDocument(sources.contract);
  const docs = docsPage(openRpc, place.pages);
  const json = (value: unknown): Render => {
    const text = JSON.stringify(value);
    return async () => page(200, 'application/json', text);
  };
  const openRpcAt = (host: string | undefined) => atHost(openRpc, host, sources.scheme, prefix);
  const all: Record<PageAddress, Render> = {
    '/openrpc.json': async (host) => page(200, 'application/json', JSON.stringify(openRpcAt(host))),
    '/openapi.json': json(openApiDocument(sources.contract, place)),
    '/docs': async () =>
      page(200, 'text/html; charset=utf-8', docs.html, { 'content-security-policy': docs.contentSecurityPolicy }),
    '/healthz': json({ status: 'ok' }),
    '/readyz': () => readyPage(sources),
    '/metrics': () => metricsPage(sources),
  };
  const routes = new Map(place.pages.map((address) => [prefix + address, all[address]]));
  const docsPath = `${prefix}/docs`;
  const location = { location: docsPath };
  const forBrowsers = page(302, 'text/plain; charset=utf-8', `The documentation is at ${docsPath}\n`, location);
  const hasDocs = routes.has(docsPath);
  const roots = new Set(hasDocs ? rootsOf(prefix) : []);
  const hint = hasDocs ? `; GET ${docsPath} lists what there is` : '';
  return { routes, forBrowsers, roots, hint, openRpcAt };
}

/** The addresses of the service itself. */
function rootsOf(prefix: string): readonly string[] {
  return prefix === '' ? ['/'] : [prefix, `${prefix}/`];
}

export type ReadinessState = 'ready' | 'not ready' | 'stopping';

/** Runs all checks. */
export async function checkReadiness(
  sources: ReadinessSources,
): Promise<{ readonly state: ReadinessState; readonly checks: Readonly<Record<string, 'ok' | 'failed'>> }> {
  const { readiness, draining, onNotReady } = sources;
  const signal = AbortSignal.timeout(READINESS_TIMEOUT_MS);
  const checks = await Promise.all(
    Object.entries(readiness).map(async ([name, check]) => {
      const timeout = Promise.withResolvers<never>();
      const onAbort = (): void => timeout.reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([check(signal), timeout.promise]);
        return [name, 'ok'] as const;
      } catch (error) {
        onNotReady(name, error);
        return [name, 'failed'] as const;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    }),
  );
  const ready = checks.every(([, state]) => state === 'ok');
  return { state: draining() ? 'stopping' : ready ? 'ready' : 'not ready', checks: Object.fromEntries(checks) };
}

/** `/readyz`: each check with its state, 503 while one fails or the process stops. */
export async function readyPage(sources: ReadinessSources): Promise<Page> {
  const { state, checks } = await checkReadiness(sources);
  return page(state === 'ready' ? 200 : 503, 'application/json', JSON.stringify({ status: state, checks }));
}

async function metricsPage(sources: PageSources): Promise<Page> {
  const { contentType, text } = await sources.metricsPage();
  return page(200, contentType, text);
}

function page(status: number, type: string, text: string, headers: Record<string, string> = {}): Page {
  return { status, headers: { 'content-type': type, ...EVERY_PAGE, ...headers }, text };
}

const EVERY_PAGE = {
  'x-content-type-options': 'nosniff',
  // Over plain HTTP to other machines, browsers send no Sec-Fetch-Site; this header keeps other sites from embedding a page.
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * Whether the client prefers HTML to JSON (RFC 9110, section 12.5.1). A bare wildcard does not count as HTML, because tools such as
 * curl send it.
 */
export function prefersHtml(accept = ''): boolean {
  const weights = new Map(accept.toLowerCase().split(',').map(toWeight));
  const html = weights.get('text/html') ?? weights.get('text/*') ?? 0;
  const json = weights.get('application/json') ?? weights.get('application/*') ?? weights.get('*/*') ?? 0;
  return html > 0 && html >= json;
}

function toWeight(range: string): [type: string, weight: number] {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return [type, Number(weight) || 0];
}
