import type { Call, Emit, Next } from '../../call.ts';
import type { Transport } from '../../client.ts';
import { stringifyJson } from '../../schema/json.ts';
import { checkWhole, LIMIT } from '../../schema/whole-number.ts';
import { AS_THEY_COME, type CallMeta, callMetaOf, headersOf } from '../metadata.ts';
import type { TlsSource } from '../tls.ts';
import { parseHttpUrl } from '../urls.ts';
import { fromPlainAnswer } from '../wire-error.ts';
import { BATCH_LIMITS, type BatchedCall, type Batcher, type BatchLimits, createBatcher, FIRST_ID } from './batching.ts';
import { createExchange, type Exchange, type ExchangeRequest } from './exchange.ts';
import { type BatchWire, resultOf, sendBatch } from './send-batch.ts';
import { createStreams, type Streams } from './streams.ts';

export interface HttpTransportOptions {
  /**
   * `rpc` (default) sends JSON-RPC to `POST /rpc`. `plain` sends bare params to `POST /<method>`, for peers without JSON-RPC.
   */
  readonly face?: 'rpc' | 'plain';
  /**
   * Limits of the batches in which calls of one method in one turn of the event loop are sent; `false` sends each call alone. The
   * plain face has no batches. A contract excludes a slow method by `batched: false`.
   */
  readonly batching?: Partial<BatchLimits> | false;
  /** Connections to the peer. undici's default is no limit. */
  readonly connections?: number;
  /** Streams of the peer that are open at a time, each with a connection besides; further ones are refused. */
  readonly streamsMax?: number;
  /** Bytes of the answer to one call, alone or in a batch, and of one item of a stream. A larger answer fails its call. */
  readonly answerBytesMax?: number;
  /** Values in the answer to one call or in one item, i.e. elements and members. A number of more than 15 digits counts as six of them. */
  readonly answerValuesMax?: number;
  /** Certificates for an https peer; see docs/decisions/0038. Unset: none of its own, and the authorities that Node trusts. */
  readonly tls?: TlsSource | undefined;
  /**
   * The peer's name, e.g. `loms:8081`, when the URL holds one of its addresses. It is sent as Host, and an https peer's certificate
   * has to bear it.
   */
  readonly host?: string | undefined;
  /** The User-Agent by which the peer's logs name this client: `checkout/0.1.0`. */
  readonly userAgent: string;
  /** Returns the Authorization header of a request. It is called for every request, so it should answer from memory. */
  readonly authorization?: () => string | Promise<string>;
}

export interface HttpTransport extends Transport, AsyncDisposable {}

const DEFAULTS = {
  face: 'rpc',
  batching: BATCH_LIMITS,
  // One connection carries some thousands of calls a second; more of them keep slow calls from blocking the others.
  connections: 32,
  // As many as a server of this kit has open.
  streamsMax: 1_000,
  answerBytesMax: 4 * 1024 * 1024,
  // To refuse each of as many values takes 25 ms, which holds the event loop. The largest answer of this system has 1,000.
  answerValuesMax: 30_000,
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
  const { face, batching, connections, streamsMax, answerBytesMax, answerValuesMax, userAgent, tls, host } = given;
  const { origin, pathname, search, authorization } = parseHttpUrl(url);
  const limits = { answerBytesMax, answerValuesMax, tls };
  const exchange = createExchange(origin, { connections, ...limits });
  let streams: Streams | undefined;
  const headers = {
    'content-type': 'application/json',
    // Without this header, a server may choose any coding (RFC 9110, section 12.5.3); this client decodes none.
    'accept-encoding': 'identity',
    'user-agent': userAgent,
    // undici also verifies an https peer's certificate by this name.
    ...(host && { host }),
    ...(authorization && { authorization }),
  };
  const wire: Wire = {
    base: pathname.replace(/\/$/, ''),
    search,
    exchange,
    authorization: authorization === undefined ? given.authorization : undefined,
    headers,
    batchHeaders: { ...headers, [AS_THEY_COME.name]: AS_THEY_COME.value },
  };
  const callOnce = face === 'plain' ? (call: Call) => callPlain(wire, call) : rpcFace(wire, batching);
  return {
    call(call) {
      if (!call.emit) return callOnce(call);
      streams ??= createStreams(origin, { connections: streamsMax, ...limits });
      return readStream(wire, streams, call, call.emit);
    },
    async [Symbol.asyncDispose]() {
      await exchange[Symbol.asyncDispose]();
      await streams?.[Symbol.asyncDispose]();
    },
  };
}

function rpcFace(wire: Wire, batching: HttpTransportOptions['batching']): Next {
  if (batching === false) return (call) => callRpc(wire, call);
  const limits = checkWhole({ ...BATCH_LIMITS, ...batching }, { callsMax: LIMIT, lengthMax: LIMIT });
  const batchers = new Map<string, Batcher>();
  const batcherOf = (method: string): Batcher => {
    const known = batchers.get(method);
    if (known) return known;
    const made = createBatcher(limits, (batch, signal) => callTogether(wire, batch, signal));
    batchers.set(method, made);
    return made;
  };
  return async (call) => {
    if (call.contract?.batched === false) return callRpc(wire, call);
    // Metadata that no header can carry fails its call here; later it would fail the batch.
    const meta = callMetaOf(call);
    return batcherOf(call.method).add(call, (id) => toText(call, id, meta));
  };
}

/** Shared by all calls of one transport. */
interface Wire {
  readonly exchange: Exchange;
  /** The path of the peer's URL. */
  readonly base: string;
  /** The query of the peer's URL. */
  readonly search: string;
  readonly authorization: HttpTransportOptions['authorization'];
  readonly headers: Record<string, string>;
  readonly batchHeaders: Record<string, string>;
}

async function authorized({ authorization }: Wire, headers: Record<string, string>): Promise<Record<string, string>> {
  return authorization ? { ...headers, authorization: await authorization() } : headers;
}

/** The request of one call on the plain face. */
async function plainRequest(wire: Wire, call: Call): Promise<ExchangeRequest> {
  return {
    peer: call.service,
    path: `${wire.base}/${call.method}${wire.search}`,
    headers: await authorized(wire, headersOf(call, wire.headers)),
    body: () => stringifyJson(call.params),
    signal: call.signal,
  };
}

/** Streams are on the plain face only. */
async function readStream(wire: Wire, streams: Streams, call: Call, emit: Emit): Promise<void> {
  await streams.read({ ...(await plainRequest(wire, call)), emit });
}

async function callPlain(wire: Wire, call: Call): Promise<unknown> {
  const reply = await wire.exchange.post(await plainRequest(wire, call));
  if (reply.status >= 200 && reply.status < 300) return reply.value;
  throw fromPlainAnswer(reply.status, reply.value, reply.retryAfterMs);
}

async function callRpc(wire: Wire, call: Call): Promise<unknown> {
  const { exchange, base, search } = wire;
  const reply = await exchange.post({
    peer: call.service,
    path: `${base}/rpc${search}`,
    headers: await authorized(wire, headersOf(call, wire.headers)),
    body: () => toText(call, FIRST_ID),
    signal: call.signal,
  });
  return resultOf(reply.value, reply);
}

/**
 * A batch of one is sent as a single call: servers without batches understand it.
 * @returns how many calls were sent again, alone
 */
async function callTogether(wire: Wire, batch: readonly BatchedCall[], signal: AbortSignal): Promise<number> {
  const [first] = batch;
  if (!first) return 0;
  const callAlone = (call: Call): Promise<unknown> => callRpc(wire, call);
  if (batch.length === 1) {
    first.resolve(callAlone(first.call));
    return 0;
  }
  const { exchange, base, search } = wire;
  const headers = await authorized(wire, wire.batchHeaders);
  const post: BatchWire['post'] = (body, signal, onItem) =>
    exchange.post({ peer: first.call.service, path: `${base}/rpc${search}`, headers, body, signal, onItem });
  return sendBatch({ post, callAlone }, batch, signal);
}

/** Concatenated from its parts, which is faster than serializing the whole. A method's name needs no escapes. */
function toText({ method, params }: Call, id: number, meta?: CallMeta): string {
  const call = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${stringifyJson(params)}`;
  return meta ? `${call},"meta":${stringifyJson(meta)}}` : `${call}}`;
}
