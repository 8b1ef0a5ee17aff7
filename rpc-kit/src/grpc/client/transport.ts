import type { Call } from '../../call.ts';
import type { Transport } from '../../client.ts';
import type { TlsSource } from '../../http/tls.ts';
import { parseGrpcUrl } from '../../http/urls.ts';
import { RpcError } from '../../rpc-error.ts';
import { checkWhole, LIMIT } from '../../schema/whole-number.ts';
import { frameMessage } from '../framing.ts';
import { decodeResult, endOf, type ResultReader, resultOf } from './answer.ts';
import { type ExchangeRequest, exchange } from './exchange.ts';
import { askHealth } from './health.ts';
import { fixedHeaders, headersOf } from './request-headers.ts';
import { SessionPool } from './session-pool.ts';

/** What a transport needs of `createServiceCodec`. */
export interface ClientCodec {
  readonly byName: ReadonlyMap<
    string,
    ResultReader & { readonly path: string; readonly params: { encode(value: unknown): Uint8Array } }
  >;
}

/** The connections of `createGrpcTransport`, and what it sends with each call. */
export interface GrpcTransportOptions {
  /** The messages of the peer's contract. */
  readonly codec: ClientCodec;
  /**
   * Connections to the peer that take calls; another one is opened when every stream of the others is in use. Up to 50 more end with their
   * last calls, because the peer asked for it.
   */
  readonly sessionsMax?: number;
  /** Calls in flight on one connection; the peer's own limit may be lower. */
  readonly streamsMax?: number;
  /** Calls that wait for a stream. A further call is refused at once. */
  readonly waitingMax?: number;
  /** Calls of one connection, after which it is replaced. */
  readonly sessionCallsMax?: number;
  /** Bytes of an answer, as it is sent and after it is inflated. A larger answer fails its call. */
  readonly answerBytesMax?: number;
  /** Certificates for a grpcs peer; see docs/decisions/0038. Unset: none of its own, and the authorities that Node trusts. */
  readonly tls?: TlsSource | undefined;
  /** The peer's name, e.g. `loms:9081`, when the URL holds one of its addresses. A grpcs peer's certificate has to bear it. */
  readonly host?: string | undefined;
  /** The User-Agent by which the peer's logs name this client: `checkout/0.1.0`. */
  readonly userAgent: string;
  /** Returns the Authorization header of a call. It is called for every call, so it should answer from memory. */
  readonly authorization?: () => string | Promise<string>;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/** Calls to one peer over gRPC. Disposing of it ends its connections. */
export interface GrpcTransport extends Transport, AsyncDisposable {}

const DEFAULTS = {
  // One connection carries all calls that one core can make; more of them get past one that is stuck.
  sessionsMax: 4,
  // gRPC servers commonly allow 100.
  streamsMax: 100,
  // About what a peer answers within a second; calls that wait longer would miss their deadlines.
  waitingMax: 2_000,
  // A quarter of the stream ids of a connection: at 1,000 calls a second they last for three days.
  sessionCallsMax: 2 ** 28,
  answerBytesMax: 4 * 1024 * 1024,
  random: Math.random,
} as const satisfies Partial<GrpcTransportOptions>;

/**
 * Sends calls to a service over gRPC. Dispose it to close the connections.
 *
 * @param url of the peer: `grpc://host:port`, or `grpcs://` for TLS. Its userinfo is sent as Basic authentication, instead of the
 *   option `authorization`.
 * @throws {TypeError} for a URL that is not gRPC, or that has parts no call can carry
 * @throws {RangeError} for an option outside its range
 */
export function createGrpcTransport(url: string, options: GrpcTransportOptions): GrpcTransport {
  const given = checkWhole(
    { ...DEFAULTS, ...options },
    { sessionsMax: LIMIT, streamsMax: LIMIT, waitingMax: LIMIT, sessionCallsMax: LIMIT, answerBytesMax: LIMIT },
  );
  const { codec, answerBytesMax, tls, host, userAgent } = given;
  const { origin, authorization: userinfo } = parseGrpcUrl(url);
  const pool = new SessionPool({ origin, host, tls }, { ...given, callsMax: given.sessionCallsMax }, given.random);
  const fixed = fixedHeaders(origin, host, userAgent);
  const authorize = userinfo === undefined ? given.authorization : () => userinfo;

  return {
    async call(call: Call) {
      const method = codec.byName.get(call.method);
      if (!method) throw new RpcError('method_not_found', 'Method not found');
      const headers = headersOf(fixed, method.path, call, await authorize?.());
      const frame = frameMessage(method.params.encode(call.params));
      const { service: peer, signal, deadlineAt, emit } = call;
      const request = { peer, headers, frame, signal, deadlineAt, answerBytesMax };
      if (!emit) return resultOf(await exchange(pool, request), method, answerBytesMax);
      const onMessage: ExchangeRequest['onMessage'] = async (message, answerHeaders) =>
        emit(await decodeResult(message, answerHeaders, method, answerBytesMax));
      endOf(await exchange(pool, { ...request, onMessage }), method);
      return undefined;
    },
    askReadiness: (signal) => askHealth(pool, userinfo ? [...fixed, 'authorization', userinfo] : fixed, signal),
    [Symbol.asyncDispose]: () => pool.close(),
  };
}
