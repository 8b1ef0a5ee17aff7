import type { Call, Emit, Next } from '../../call.ts';
import { abortReason, raceSignal } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';
import { stringifyJson } from '../../schema/json.ts';
import { checkWhole, LIMIT } from '../../schema/whole-number.ts';
import { AS_THEY_COME, callMetaOf, headersOf, isFieldValue, type SentMeta, toMetaText } from '../sent-metadata.ts';
import { fromPlainAnswer } from '../wire-error.ts';
import { BATCH_LIMITS, type BatchedCall, type Batcher, type BatchLimits, createBatcher, FIRST_ID } from './batching.ts';
import type { Exchange, ExchangeRequest, ReadStream } from './requests.ts';
import { type BatchWire, resultOf, sendBatch } from './send-batch.ts';

/** Options of every transport that speaks HTTP. */
export interface FaceOptions {
  /**
   * `rpc` (default) sends JSON-RPC to `POST /rpc`. `plain` sends bare params to `POST /<method>`, for peers without JSON-RPC.
   */
  readonly face?: 'rpc' | 'plain';
  /**
   * Limits of the batches in which calls of one method in one turn of the event loop are sent; `false` sends each call alone. The
   * plain face has no batches. A contract excludes a slow method by `batched: false`.
   */
  readonly batching?: Partial<BatchLimits> | false;
  /** Bytes of the answer to one call, alone or in a batch, and of one item of a stream. A larger answer fails its call. */
  readonly answerBytesMax?: number;
  /** Values in the answer to one call or in one item, i.e. elements and members. A number of more than 15 digits counts as six of them. */
  readonly answerValuesMax?: number;
  /** Returns the Authorization header of a request. It is called for every request, so it should answer from memory. */
  readonly authorization?: () => string | Promise<string>;
}

export const FACE_DEFAULTS = {
  face: 'rpc',
  batching: BATCH_LIMITS,
  answerBytesMax: 4 * 1024 * 1024,
  // To refuse each of as many values takes 25 ms, which holds the event loop. The largest answer of this system has 1,000.
  answerValuesMax: 30_000,
} as const satisfies FaceOptions;

/** Shared by all calls of one transport. */
export interface Wire {
  readonly exchange: Exchange;
  readonly readStream: ReadStream;
  /** Stands before the path of every request. */
  readonly base: string;
  /** The query of the peer's URL. */
  readonly search: string;
  readonly authorization: FaceOptions['authorization'];
  readonly headers: Record<string, string>;
}

/** Sends calls by a face; streams are on the plain face only. */
export function createFace(
  wire: Wire,
  { face, batching }: { readonly [K in 'face' | 'batching']: FaceOptions[K] },
): Next {
  const callOnce = face === 'plain' ? (call: Call) => callPlain(wire, call) : rpcFace(wire, batching);
  return (call) => {
    // A policy may have waited meanwhile.
    if (call.signal.aborted) return Promise.reject(abortReason(call.signal));
    return call.emit ? callStream(wire, call, call.emit) : callOnce(call);
  };
}

function rpcFace(wire: Wire, batching: FaceOptions['batching']): Next {
  if (batching === false) return (call) => callRpc(wire, call);
  const limits = checkWhole({ ...BATCH_LIMITS, ...batching }, { callsMax: LIMIT, lengthMax: LIMIT });
  const batchHeaders = { ...wire.headers, [AS_THEY_COME.name]: AS_THEY_COME.value };
  const batchers = new Map<string, Batcher>();
  const batcherOf = (method: string): Batcher => {
    const known = batchers.get(method);
    if (known) return known;
    const made = createBatcher(limits, (batch, signal) => callTogether(wire, batchHeaders, batch, signal));
    batchers.set(method, made);
    return made;
  };
  return (call) => {
    if (call.contract?.batched === false) return callRpc(wire, call);
    let meta: SentMeta;
    try {
      meta = callMetaOf(call);
    } catch (error) {
      // Metadata that no header can carry fails its call here; later it would fail the batch.
      return Promise.reject(error);
    }
    return batcherOf(call.method).add(call, (id) => toText(call, id, meta));
  };
}

type Headers = Record<string, string>;

/** Adds the authorization. It is a promise only where that is one, because each wait takes a few tenths of a microsecond. */
function authorized({ authorization }: Wire, headers: Headers, signal: AbortSignal): Headers | Promise<Headers> {
  if (!authorization) return headers;
  const value = authorization();
  if (typeof value === 'string') return withAuthorization(headers, value);
  return raceSignal(value, signal).then((awaited) => withAuthorization(headers, awaited));
}

/** @throws {TypeError} without the value: undici would report a broken connection, and fetch quote the token */
function withAuthorization(headers: Headers, authorization: string): Headers {
  if (isFieldValue(authorization)) return { ...headers, authorization };
  throw new TypeError('The option authorization gave a text that no header can carry, e.g. one with a line break');
}

/** The request of one call on the plain face. */
async function plainRequest(wire: Wire, call: Call): Promise<ExchangeRequest> {
  const headers = authorized(wire, headersOf(call, wire.headers), call.signal);
  return {
    peer: call.service,
    path: `${wire.base}/${call.method}${wire.search}`,
    headers: headers instanceof Promise ? await headers : headers,
    body: () => paramsText(call),
    signal: call.signal,
  };
}

async function callStream(wire: Wire, call: Call, emit: Emit): Promise<void> {
  await wire.readStream({ ...(await plainRequest(wire, call)), emit });
}

async function callPlain(wire: Wire, call: Call): Promise<unknown> {
  const reply = await wire.exchange.post(await plainRequest(wire, call));
  if (reply.status >= 200 && reply.status < 300) return reply.value;
  throw fromPlainAnswer(reply.status, reply.value, reply.retryAfterMs);
}

async function callRpc(wire: Wire, call: Call): Promise<unknown> {
  const { exchange, base, search } = wire;
  const headers = authorized(wire, headersOf(call, wire.headers), call.signal);
  const reply = await exchange.post({
    peer: call.service,
    path: `${base}/rpc${search}`,
    headers: headers instanceof Promise ? await headers : headers,
    body: () => toText(call, FIRST_ID),
    signal: call.signal,
  });
  return resultOf(reply.value, reply);
}

/**
 * A batch of one is sent as a single call: servers without batches understand it.
 * @returns how many calls were sent again, alone
 */
async function callTogether(
  wire: Wire,
  batchHeaders: Record<string, string>,
  batch: readonly BatchedCall[],
  signal: AbortSignal,
): Promise<number> {
  const [first] = batch;
  if (!first) return 0;
  const callAlone = (call: Call): Promise<unknown> => callRpc(wire, call);
  if (batch.length === 1) {
    first.resolve(callAlone(first.call));
    return 0;
  }
  const { exchange, base, search } = wire;
  const headers = await authorized(wire, batchHeaders, signal);
  const post: BatchWire['post'] = (body, signal, onItem) =>
    exchange.post({ peer: first.call.service, path: `${base}/rpc${search}`, headers, body, signal, onItem });
  return sendBatch({ post, callAlone }, batch, signal);
}

/** @throws {RpcError} invalid_params for what JSON cannot hold, e.g. a bigint where a schema allows anything */
function paramsText({ params }: Pick<Call, 'params'>): string {
  try {
    return stringifyJson(params);
  } catch (cause) {
    throw new RpcError('invalid_params', 'Invalid params: JSON cannot hold them', { cause });
  }
}

/** Concatenated from its parts, which is faster than serializing the whole. A method's name needs no escapes. */
function toText({ method, params }: Call, id: number, meta?: SentMeta): string {
  const call = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${paramsText({ params })}`;
  return meta ? `${call},"meta":${toMetaText(meta)}}` : `${call}}`;
}
