import { isIPv6 } from 'node:net';

/**
 * Parses URLs whole or refuses them, and hides secrets when it shows them (docs/decisions/0021). Errors never quote the URL: the
 * malformed part may be a password.
 */

/** The parts of an HTTP URL that a request needs. */
export interface HttpUrl {
  /** Scheme, host and port. */
  readonly origin: string;
  readonly pathname: string;
  /** Empty, or with its question mark. */
  readonly search: string;
  /** The userinfo as Basic authentication (RFC 7617). */
  readonly authorization: string | undefined;
}

const HTTP = /^https?:$/;

/**
 * `http://user:password@host:8080/base/?key=value`.
 * @throws {TypeError} for a URL with a part that no request can carry
 */
export function parseHttpUrl(text: string): HttpUrl {
  const url = parseUrl(text, HTTP, 'http://host:8080');
  const { origin, pathname, search } = url;
  return { origin, pathname, search, authorization: basicAuthorization(url) };
}

/** The parts of a gRPC URL that a call needs. */
export type GrpcUrl = Pick<HttpUrl, 'origin' | 'authorization'>;

const GRPC = /^grpcs?:$/;

/**
 * `grpc://user:password@host:9081`, or `grpcs://` for TLS.
 * @returns its origin in terms of HTTP
 * @throws {TypeError} for a URL with a part that no call can carry
 */
export function parseGrpcUrl(text: string): GrpcUrl {
  const url = parseUrl(text, GRPC, 'grpc://host:9081');
  if (!/^\/?$/.test(url.pathname) || url.search !== '') {
    throw new TypeError('a gRPC URL has neither a path nor a query: leave out what stands behind the port');
  }
  if (url.port === '') throw new TypeError('a gRPC URL has to name its port, because gRPC has no usual one');
  const scheme = url.protocol === 'grpcs:' ? 'https' : 'http';
  return { origin: `${scheme}://${url.host}`, authorization: basicAuthorization(url) };
}

/** @throws {TypeError} for a URL that is neither of HTTP nor of gRPC */
export function checkPeerUrl(text: string): void {
  if (isGrpcUrl(text)) parseGrpcUrl(text);
  else parseHttpUrl(text);
}

export function isGrpcUrl(text: string): boolean {
  return /^grpcs?:/i.test(text);
}

/** RFC 3986 allows no others, and parsers disagree about them, so a secret could slip past `hideUrlSecrets`. */
const CHARACTERS = /^[^\s"<>\\^`{|}\p{Cc}]+$/u;
/** Names that resolvers accept (RFC 1035, section 2.3.4), and IPv6 addresses as the URL parser prints them. */
const HOST = /^(\[[\da-f:.]+\]|[\w-]{1,63}(\.[\w-]{1,63})*\.?)$/i;
const HOST_LENGTH_MAX = 253;
/** The URL parser refuses ports above 65535. */
const LARGE_PORT = /[^:]:\d{5,}$/;
const PORT_HINT = 'its port has to be from 1 to 65535';

/**
 * @param example of a valid URL, for the error
 * @throws {TypeError} for a text that is no such URL, and for parts that would be dropped or misread
 */
export function parseUrl(text: string, protocol: RegExp, example: string): URL {
  const [, authority = '', rest = ''] = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)(.*)$/is.exec(text) ?? [];
  const url = CHARACTERS.test(text) && authority !== '' ? URL.parse(text) : null;
  if (!url || !protocol.test(url.protocol)) {
    if (!url && CHARACTERS.test(text) && LARGE_PORT.test(authority)) throw new TypeError(PORT_HINT);
    throw new TypeError(`it has to be a URL like ${example}; ${ENCODING_HINT}`);
  }
  if (rest.includes('@')) throw new TypeError(`an @ stands behind the host; ${ENCODING_HINT}`);
  if (rest.includes('#'))
    throw new TypeError('a server never receives what stands behind a #: remove it, or write %23');
  if (!HOST.test(url.hostname) || url.hostname.length > HOST_LENGTH_MAX) {
    throw new TypeError('its host has to be a name, an IPv4 address or an IPv6 address in brackets');
  }
  if (url.port === '0' || authority.endsWith(':')) throw new TypeError(PORT_HINT);
  decodeUserinfo(url);
  return url;
}

const ENCODING_HINT = 'in a user name or password, characters other than letters and digits are percent-encoded';

/** Basic authentication may not carry control characters (RFC 7617, section 2). */
const CONTROL = /\p{Cc}/u;

function decodeUserinfo({ username, password }: URL): { readonly name: string; readonly password: string } {
  try {
    return { name: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    throw new TypeError('its user name or password is no percent-encoded UTF-8: write %25 for a %');
  }
}

function basicAuthorization(url: URL): string | undefined {
  const { name, password } = decodeUserinfo(url);
  if (name === '' && password === '') return undefined;
  if (name.includes(':')) throw new TypeError('its user name holds a colon, which Basic authentication cannot carry');
  if (CONTROL.test(name + password)) {
    throw new TypeError('its user name or password holds a control character, which Basic authentication cannot carry');
  }
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** Parts of a URL inside a line of JSON or prose. Each pattern takes linear time. */
const USERINFO = /:\/\/[^\s"<>\\/?#]*@/g;
const QUERY_AND_FRAGMENT = /(:\/\/[^\s"<>\\?#]*)(?:[?#][^\s"<>\\]*)?/g;

/** Removes userinfo, query and fragment from all URLs in a text. All code that prints a URL uses this. */
export function hideUrlSecrets(text: string): string {
  if (!text.includes('://')) return text;
  return text.replace(USERINFO, '://').replace(QUERY_AND_FRAGMENT, '$1');
}

const QUOTED_LENGTH_MAX = 40;

/** `is "x", but has to be …`. Long texts and texts with an @ are not quoted, because they may hold a password. */
export function describeWrong(text: string, expected: string): string {
  const shown = hideUrlSecrets(text);
  const isQuoted = shown.length <= QUOTED_LENGTH_MAX && !text.includes('@');
  return `${isQuoted ? `is ${JSON.stringify(shown)}, but ` : ''}has to be ${expected}`;
}

/** Canonical origins and hosts can be compared: lower case, IDNs as Punycode, no default port. */

const ORIGIN = /^https?:\/\/[^\s/?#@\\]+$/i;
const HOST_OF_ORIGIN = /^[^\s/?#@\\]+$/;
const HOSTNAME = /^(\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)*)\.?$/;

/** The origin of a web page, e.g. `https://shop.example`; `undefined` for any other text, also for `null` and `*`. */
export function canonicalOrigin(text: string): string | undefined {
  const url = ORIGIN.test(text) ? URL.parse(text) : null;
  return url && HOSTNAME.test(url.hostname) ? url.origin : undefined;
}

/** A host as `shop.example` or `shop.example:8443`, an IPv6 address in brackets; `undefined` for any other text. */
export function canonicalHost(text: string): string | undefined {
  const authority = isIPv6(text) ? `[${text}]` : text;
  const url = HOST_OF_ORIGIN.test(authority) ? URL.parse(`http://${authority}`) : null;
  if (!url || !HOSTNAME.test(url.hostname)) return undefined;
  const name = url.hostname.replace(/\.$/, '');
  return /:\d+$/.test(authority) ? `${name}:${url.port || '80'}` : name;
}
