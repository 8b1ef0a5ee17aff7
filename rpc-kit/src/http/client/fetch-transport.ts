import type { Transport } from '../../client.ts';
import { checkWhole, LIMIT } from '../../schema/whole-number.ts';
import { createFace, FACE_DEFAULTS, type FaceOptions } from './faces.ts';
import type { Credentials, Fetch } from './fetch.ts';
import { createFetchExchange, createFetchStreams } from './fetch-exchange.ts';
import { boundStreams } from './stream-answer.ts';

/** The fetch of `createFetchTransport`, and what it sends with each request. */
export interface FetchTransportOptions extends FaceOptions {
  /** Default: the global fetch, as it is when a call is made. */
  readonly fetch?: Fetch;
  /** Further headers of every request. A page of another origin may send only those that the peer allows. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether a browser sends cookies. Default: the browser's, `same-origin`. Servers of this kit take none from other origins. */
  readonly credentials?: Credentials;
  /** Requests in flight at a time; others wait in order. */
  readonly requestsMax?: number;
  /** Streams of the peer that are open at a time; further ones are refused. */
  readonly streamsMax?: number;
}

const DEFAULTS = {
  ...FACE_DEFAULTS,
  // HTTP/2 carries about a hundred requests on a connection. A browser has six connections to a peer without it, and makes the others wait.
  requestsMax: 32,
  streamsMax: 32,
} as const satisfies FetchTransportOptions;

/**
 * Sends calls to a service by fetch: from browsers, workers, and wherever undici is not wanted. Connections are fetch's own.
 *
 * @param url of the peer; in a page it may be relative to the page, such as `/` or `/api`. Calls are sent to paths below its path, with
 *   its query.
 * @throws {TypeError} for a URL that fetch cannot send to
 * @throws {RangeError} for an option outside its range
 */
export function createFetchTransport(url: string, options: FetchTransportOptions = {}): Transport {
  const given = checkWhole(
    { ...DEFAULTS, ...options },
    { requestsMax: LIMIT, streamsMax: LIMIT, answerBytesMax: LIMIT, answerValuesMax: LIMIT },
  );
  const { requestsMax, streamsMax, answerBytesMax, answerValuesMax, credentials } = given;
  const { origin, pathname, search } = parseFetchUrl(url);
  // Called as a property of the transport, a browser's fetch would refuse its `this`.
  const fetch = given.fetch ?? ((address, init) => globalThis.fetch(address, init));
  const peer = { fetch, origin, credentials };
  const limits = { answerBytesMax, answerValuesMax };
  const wire = {
    base: pathname.replace(/\/$/, ''),
    search,
    exchange: createFetchExchange(peer, limits, requestsMax),
    readStream: boundStreams(streamsMax, createFetchStreams(peer, limits)),
    authorization: given.authorization,
    headers: { ...given.headers, 'content-type': 'application/json' },
  };
  return { call: createFace(wire, given) };
}

/** Errors do not quote the URL, because it may hold a password. */
function parseFetchUrl(text: string): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  const base = location?.href;
  if (!URL.canParse(text, base)) throw new TypeError('it has to be a URL like https://host:8080');
  const url = new URL(text, base);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError('it has to be a URL like https://host:8080');
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('fetch sends no user name of a URL: use the option authorization');
  }
  if (url.hash !== '') throw new TypeError('a server never receives what stands behind a #: remove it, or write %23');
  return url;
}
