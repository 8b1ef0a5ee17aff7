import type { Call } from '../call.ts';
import type { Transport } from '../client.ts';
import { stringifyJson } from '../json.ts';
import { BATCH_LIMITS, type BatchedCall, type Batcher, type BatchLimits, createBatcher, FIRST_ID } from './batching.ts';
import { createExchange, type Exchange, type Reply } from './exchange.ts';
import { type CallMeta, callMetaOf, headersOf } from './metadata.ts';
import { fromJsonRpcError, fromPlainAnswer, isRecord } from './wire-error.ts';

export interface HttpTransportOptions {
  /**
   * `rpc` (default) speaks JSON-RPC to `POST /rpc`; `plain` speaks bare params to `POST /<method>`,
   * for peers that know nothing else, such as the original product service.
   */
  readonly face?: 'rpc' | 'plain';
  /**
   * Whether calls of one method in one turn of the event loop travel as one JSON-RPC batch, and how large it gets. On by default for the
   * face `rpc`; the plain face has no batches. A contract can keep a slow method out of batches with `batched: false`.
   */
  readonly batching?: Partial<BatchLimits> | false;
  /** Connections to the peer. undici's own default is no limit. */
  readonly connections?: number;
  /** Bytes of an answer; a larger one fails its calls. */
  readonly answerBytesMax?: number;
  /** How this client names itself to the peer, in User-Agent: `checkout/0.1.0`. */
  readonly userAgent: string;
}

export interface HttpTransport extends Transport, AsyncDisposable {}

const DEFAULTS = {
  face: 'rpc',
  batching: BATCH_LIMITS,
  // One connection carries some thousands of calls a second; this many hide the slow ones among them.
  connections: 32,
  answerBytesMax: 4 * 1024 * 1024,
} as const satisfies Partial<HttpTransportOptions>;

/** Carries calls to a service over HTTP. One pool of connections a peer; dispose it to close them. */
export function createHttpTransport(url: string, options: HttpTransportOptions): HttpTransport {
  const { face, batching, connections, answerBytesMax, userAgent } = { ...DEFAULTS, ...options };
  const { origin, pathname } = new URL(url);
  const exchange = createExchange(origin, { connections, answerBytesMax });
  const wire: Wire = {
    base: pathname.replace(/\/$/, ''),
    exchange,
    headers: { 'content-type': 'application/json', 'user-agent': userAgent },
  };
  const close = () => exchange[Symbol.asyncDispose]();
  if (face === 'plain') return { call: (call) => callPlain(wire, call), [Symbol.asyncDispose]: close };
  if (batching === false) return { call: (call) => callRpc(wire, call), [Symbol.asyncDispose]: close };
  const limits = { ...BATCH_LIMITS, ...batching };
  const batchers = new Map<string, Batcher>();
  const batcherOf = (method: string): Batcher => {
    const known = batchers.get(method);
    if (known) return known;
    const made = createBatcher(limits, (batch, signal) => sendBatch(wire, batch, signal));
    batchers.set(method, made);
    return made;
  };
  return {
    async call(call) {
      if (call.contract?.batched === false) return callRpc(wire, call);
      // Metadata that cannot travel fails its own call here, and not the batch later.
      const meta = callMetaOf(call);
      return batcherOf(call.method).add(call, (id) => toText(call, id, meta));
    },
    [Symbol.asyncDispose]: close,
  };
}

/** What all calls of one transport share. */
interface Wire {
  readonly exchange: Exchange;
  /** The path that the peer's address begins with. */
  readonly base: string;
  readonly headers: Record<string, string>;
}

async function callPlain({ exchange, base, headers }: Wire, call: Call): Promise<unknown> {
  const reply = await exchange.post({
    peer: call.service,
    path: `${base}/${call.method}`,
    headers: headersOf(call, headers),
    body: stringifyJson(call.params),
    signal: call.signal,
  });
  if (reply.status >= 200 && reply.status < 300) return reply.value;
  throw fromPlainAnswer(reply.status, reply.value, reply.retryAfterMs);
}

async function callRpc({ exchange, base, headers }: Wire, call: Call): Promise<unknown> {
  const reply = await exchange.post({
    peer: call.service,
    path: `${base}/rpc`,
    headers: headersOf(call, headers),
    body: toText(call, FIRST_ID),
    signal: call.signal,
  });
  return resultOf(reply.value, reply);
}

/** A batch of one goes as a single call: the answer is the same, and foreign servers without batches understand it. */
async function sendBatch(wire: Wire, batch: readonly BatchedCall[], signal: AbortSignal): Promise<void> {
  const [first] = batch;
  if (!first) return;
  if (batch.length === 1) return first.resolve(callRpc(wire, first.call));
  const reply = await wire.exchange.post({
    peer: first.call.service,
    path: `${wire.base}/rpc`,
    headers: wire.headers,
    body: `[${batch.map(({ text }) => text()).join(',')}]`,
    signal,
  });
  // One object in place of the list is the refusal of the batch as a whole.
  if (!Array.isArray(reply.value)) resultOf(reply.value, reply);
  const listed: readonly unknown[] = Array.isArray(reply.value) ? reply.value : [];
  const answers = new Map(listed.filter(isRecord).map((answer) => [answer.id, answer]));
  for (const { id, resolve, reject } of batch) {
    try {
      resolve(resultOf(answers.get(id), reply));
    } catch (error) {
      reject(error);
    }
  }
}

/** Put together from its parts, which is quicker than to have the whole written; a method's name needs no escapes. */
function toText({ method, params }: Call, id: number, meta?: CallMeta): string {
  const call = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${stringifyJson(params)}`;
  return meta ? `${call},"meta":${stringifyJson(meta)}}` : `${call}}`;
}

function resultOf(answer: unknown, { status, retryAfterMs }: Reply): unknown {
  if (!isRecord(answer) || answer.jsonrpc !== '2.0') throw fromPlainAnswer(status, answer, retryAfterMs);
  // Servers that came from JSON-RPC 1.0 send the member null beside a result.
  if (answer.error !== undefined && answer.error !== null) throw fromJsonRpcError(answer.error, retryAfterMs);
  return answer.result;
}
