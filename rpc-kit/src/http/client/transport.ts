import type { Transport } from '../../client.ts';
import { checkWhole, LIMIT } from '../../schema/whole-number.ts';
import type { TlsSource } from '../tls.ts';
import { parseHttpUrl } from '../urls.ts';
import { createExchange } from './exchange.ts';
import { createFace, FACE_DEFAULTS, type FaceOptions } from './faces.ts';
import { createReadinessProbe, type ReadinessProbe } from './readiness.ts';
import type { StreamRequest } from './requests.ts';
import { createStreams, type Streams } from './streams.ts';

/** The connections of `createHttpTransport`, and what it sends with each request. */
export interface HttpTransportOptions extends FaceOptions {
  /** Connections to the peer. undici's default is no limit. */
  readonly connections?: number;
  /** Streams of the peer that are open at a time, each with a connection besides; further ones are refused. */
  readonly streamsMax?: number;
  /** Certificates for an https peer; see docs/decisions/0038. Unset: none of its own, and the authorities that Node trusts. */
  readonly tls?: TlsSource | undefined;
  /**
   * The peer's name, e.g. `loms:8081`, when the URL holds one of its addresses. It is sent as Host, and an https peer's certificate
   * has to bear it.
   */
  readonly host?: string | undefined;
  /** The User-Agent by which the peer's logs name this client: `checkout/0.1.0`. */
  readonly userAgent: string;
}

/** Calls to one peer over HTTP. Disposing of it ends its connections. */
export interface HttpTransport extends Transport, AsyncDisposable {}

const DEFAULTS = {
  ...FACE_DEFAULTS,
  // One connection carries some thousands of calls a second; more of them keep slow calls from blocking the others.
  connections: 32,
  // As many as a server of this kit has open.
  streamsMax: 1_000,
} as const satisfies Partial<HttpTransportOptions>;

/**
 * Sends calls to a service over HTTP, by one connection pool for each transport. Dispose it to close the connections.
 *
 * @param url of the peer. Calls are sent to paths below its path, with its query. Its userinfo is sent as Basic authentication,
 *   instead of the option `authorization`.
 * @throws {TypeError} for a URL that is not HTTP, or that has parts no request can carry
 * @throws {RangeError} for an option outside its range; undici reads 0 connections as no limit
 */
export function createHttpTransport(url: string, options: HttpTransportOptions): HttpTransport {
  const given = checkWhole(
    { ...DEFAULTS, ...options },
    {
      connections: LIMIT,
      streamsMax: LIMIT,
      answerBytesMax: LIMIT,
      answerValuesMax: LIMIT,
    },
  );
  const { connections, streamsMax, answerBytesMax, answerValuesMax, userAgent, tls, host } = given;
  const { origin, pathname, search, authorization } = parseHttpUrl(url);
  const limits = { answerBytesMax, answerValuesMax, tls };
  const exchange = createExchange(origin, { connections, ...limits });
  let streams: Streams | undefined;
  let readiness: ReadinessProbe | undefined;
  const ownHeaders = {
    'user-agent': userAgent,
    // undici also verifies an https peer's certificate by this name.
    ...(host && { host }),
    ...(authorization && { authorization }),
  };
  const headers = {
    'content-type': 'application/json',
    // Without this header, a server may choose any coding (RFC 9110, section 12.5.3); this client decodes none.
    'accept-encoding': 'identity',
    ...ownHeaders,
  };
  const wire = {
    base: pathname.replace(/\/$/, ''),
    search,
    exchange,
    readStream(request: StreamRequest) {
      streams ??= createStreams(origin, { connections: streamsMax, ...limits });
      return streams.read(request);
    },
    authorization: authorization === undefined ? given.authorization : undefined,
    headers,
  };
  return {
    call: createFace(wire, given),
    settlesOnAbort: true,
    askReadiness(signal) {
      readiness ??= createReadinessProbe(origin, { path: `${wire.base}/readyz${search}`, headers: ownHeaders, tls });
      return readiness.ask(signal);
    },
    async [Symbol.asyncDispose]() {
      await exchange[Symbol.asyncDispose]();
      await streams?.[Symbol.asyncDispose]();
      await readiness?.[Symbol.asyncDispose]();
    },
  };
}
