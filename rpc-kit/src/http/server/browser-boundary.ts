import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { RpcError } from '../../rpc-error.ts';
import { AS_THEY_COME, METADATA_HEADERS } from '../sent-metadata.ts';
import { canonicalHost, canonicalOrigin } from '../urls.ts';
import { HttpRefusal, isFromBrowser } from './body.ts';
import type { RequestHead } from './carried.ts';
import type { HttpAnswer } from './plain-face.ts';

type Headers = readonly (readonly [name: string, value: string])[];

const NO_HEADERS: Headers = [];

/** Decides which requests of web pages are served: docs/decisions/0017-browser-boundary.md. */
export interface BrowserBoundary {
  /** Headers of every answer, refusals included. */
  readonly headers: Headers;
  /**
   * Refuses the request of a page that may not call this service.
   * @param path without the query
   * @returns CORS headers for the answer to a listed page
   * @throws {RpcError} an HttpRefusal with 421 for a foreign Host, permission_denied for a foreign page
   */
  admit(request: RequestHead, path: string): Headers;
}

export interface BrowserBoundaryOptions {
  /** The address that the server is bound to. */
  readonly host: string;
  /** Default: http. */
  readonly scheme?: Scheme;
  readonly allowedHosts?: readonly string[] | undefined;
  readonly allowedOrigins?: readonly string[] | undefined;
  /** Pages for people. A link on another site may open them, because that site cannot read them. */
  readonly linkedPages?: readonly string[];
}

/** The answer to a preflight request of a listed page; the CORS headers of that page are added. */
export const PREFLIGHT_ANSWER: HttpAnswer = {
  status: 204,
  headers: {
    'access-control-allow-methods': 'GET, HEAD, POST',
    'access-control-allow-headers': [
      ...['content-type', 'authorization', 'last-event-id', AS_THEY_COME.name],
      ...Object.values(METADATA_HEADERS),
    ].join(', '),
    // Saves a round trip before each call; a browser notices a changed list within ten minutes.
    'access-control-max-age': '600',
  },
  body: undefined,
};

const EXPOSED_HEADERS = 'x-request-id, retry-after, ratelimit, ratelimit-policy, www-authenticate';

/** @throws {TypeError} for a listed host or origin that is malformed */
export function createBrowserBoundary(options: BrowserBoundaryOptions): BrowserBoundary {
  const { host, scheme = 'http', allowedHosts = [], allowedOrigins = [], linkedPages = ['/', '/docs'] } = options;
  const ownHosts = new Set([
    canonicalHost(host) ?? host,
    'localhost',
    '127.0.0.1',
    '[::1]',
    ...allowedHosts.map(toHost),
  ]);
  const headersOfOrigin = new Map(allowedOrigins.map(toOrigin).map((origin) => [origin, corsHeaders(origin)]));

  /** Nearly all requests name the same Host; to take it apart costs as much as to read all headers. */
  let lastOwnHost: string | undefined;

  function isOwnHost(text: string, name: string, port: string): boolean {
    if (!ownHosts.has(name) && !ownHosts.has(`${name}:${port || DEFAULT_PORTS[scheme]}`)) return false;
    lastOwnHost = text;
    return true;
  }

  function refuseForeignHost(text: string, { socket }: RequestHead, fromBrowser: boolean): void {
    if (text === lastOwnHost) return;
    const [, name = '', port = ''] = AUTHORITY.exec(text.toLowerCase()) ?? [];
    if (isOwnHost(text, name, port)) return;
    const address = name.replace(/^\[|\]$/g, '');
    if (isOwnAddress(address, socket) || (!fromBrowser && (isIP(address) !== 0 || isInternalName(name)))) return;
    throw new HttpRefusal(421, `The Host ${quote(text)} is not this service's: add it to allowedHosts if it should be`);
  }

  return {
    headers: headersOfOrigin.size > 0 ? [['vary', 'Origin']] : NO_HEADERS,
    admit(request, path) {
      const { headers } = request;
      const fromBrowser = isFromBrowser(request);
      if (headers.host || fromBrowser) refuseForeignHost(headers.host ?? '', request, fromBrowser);
      if (!fromBrowser) return NO_HEADERS;
      // RFC 9112, section 3.2.2: the host of an absolute URL in the request line overrides the header.
      const target = request.url?.startsWith('/') ? undefined : URL.parse(request.url ?? '')?.host;
      if (target !== undefined) refuseForeignHost(target, request, true);
      const { origin } = headers;
      const listed = headersOfOrigin.get(canonicalOrigin(origin ?? '') ?? '');
      if (listed) return listed;
      if (
        isOwnPage(headers, `${scheme}://${target ?? headers.host ?? ''}`) ||
        (isOpenedByLink(request) && linkedPages.includes(path))
      )
        return NO_HEADERS;
      const page = origin === undefined ? 'another site' : quote(origin);
      throw new RpcError(
        'permission_denied',
        `A page of ${page} may not call this service: add its origin to allowedOrigins if it should`,
      );
    },
  };
}

/** A host in lower case, with an optional final dot and port. */
const AUTHORITY = /^(\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)*)\.?(?::(\d*))?$/;
const DEFAULT_PORTS = { http: '80', https: '443' } as const;

/** The scheme by which callers reach a server. */
export type Scheme = keyof typeof DEFAULT_PORTS;

/** An address of the loopback network 127.0.0.0/8, or the one on which the connection arrived. */
function isOwnAddress(address: string, { localAddress }: RequestHead['socket']): boolean {
  return (isIP(address) === 4 && address.startsWith('127.')) || address === localAddress?.replace(/^::ffff:/, '');
}

/** A name without a dot belongs to the local network: public web pages have names with a dot. */
function isInternalName(name: string): boolean {
  return name !== '' && !name.includes('.');
}

/** Sec-Fetch-Site replaces a missing Origin; `none` means that a person typed the address. */
function isOwnPage({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders, own: string): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  if (origin === undefined) return true;
  const page = canonicalOrigin(origin);
  return page !== undefined && page === canonicalOrigin(own);
}

function isOpenedByLink({ method, headers }: RequestHead): boolean {
  const { origin, 'sec-fetch-mode': mode, 'sec-fetch-dest': destination } = headers;
  const isNavigation = origin === undefined && mode === 'navigate' && destination === 'document';
  return isNavigation && method === 'GET';
}

function corsHeaders(origin: string): Headers {
  return [
    ['access-control-allow-origin', origin],
    ['access-control-expose-headers', EXPOSED_HEADERS],
  ];
}

function toHost(text: string): string {
  const host = canonicalHost(text);
  if (host === undefined) throw new TypeError(`${quote(text)} is no host`);
  return host;
}

function toOrigin(text: string): string {
  const origin = canonicalOrigin(text);
  if (origin === undefined) throw new TypeError(`${quote(text)} is no origin`);
  return origin;
}

/** Enough to recognise the value. */
const QUOTED_LENGTH_MAX = 100;

function quote(text: string): string {
  return `"${text.slice(0, QUOTED_LENGTH_MAX)}"`;
}
