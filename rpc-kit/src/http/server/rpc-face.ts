import jayson from 'jayson';
import { sendAlone } from '../../calling/failure.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import { stringifyJson } from '../../schema/json.ts';
import type { Service } from '../../server.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import { logUnlogged } from '../../telemetry/unlogged.ts';
import { type FaceContext, toCall, withMeta } from '../metadata.ts';
import { isRecord, toJsonRpcError } from '../wire-error.ts';
import { AnswerTooLarge } from './answer.ts';
import { answerBatch, type SendPart } from './batch.ts';
import {
  answeredId,
  isCallable,
  isOrdinary,
  isStructured,
  type OrdinaryCall,
  parseMeta,
  toEchoedId,
} from './envelope.ts';
import type { HttpLimits } from './limits.ts';

/**
 * `POST /rpc`: JSON-RPC 2.0 (https://www.jsonrpc.org/specification), whole. Calls in which nothing is to be judged are executed
 * here, because jayson's copies and events cost as much as the rest of a call. jayson judges all other requests. Batches and ids
 * are handled here, because jayson leaves arrays inside a batch unanswered, treats a null id as a notification and supports no id
 * beyond 2^53.
 */
export interface RpcFace {
  /**
   * @param parsed the request's JSON value, a call or a batch
   * @param sendPart receives the beginning of a batch's answer while other calls of the batch are still in flight
   * @returns the answer as JSON text, or its rest; `undefined` when there is nothing to answer (notifications only)
   */
  answer(parsed: unknown, context: FaceContext, sendPart?: SendPart): Promise<string | undefined>;
}

/** The params that jayson passes on: it passes the call's meta to no method. */
interface Envelope {
  readonly params: unknown;
  readonly meta: unknown;
}

interface Answer {
  readonly jsonrpc: '2.0';
  readonly id: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

type JaysonCallback = (error?: unknown, result?: unknown) => void;

/** Makes the document for `rpc.discover`, for a caller that reached the service by this Host. */
type Discover = (host: string | undefined) => unknown;

/** Replaces the call's id inside jayson. */
const PLACEHOLDER_ID = 0;

export function createRpcFace(service: Service, discover: Discover, limits: HttpLimits, logger: Logger): RpcFace {
  const { name, methods } = service.contract;
  const engine = createEngine(Object.keys(methods), (call, context) => answerOrdinary(call, context, unchanged));

  /** Converts the answer on the way: a function that awaits it would cost another promise for each call. */
  async function answerOrdinary<T>(
    { id, method, params, meta }: OrdinaryCall,
    context: FaceContext,
    convert: (answer: Answer, requestId: string) => T,
  ): Promise<T> {
    let { metadata } = context;
    let answer: Answer;
    try {
      metadata = withMeta(metadata, parseMeta(meta));
      const result =
        method === 'rpc.discover'
          ? discover(context.host)
          : await service.call(toCall(name, method, params, metadata, context.answerHeaders), context.caller);
      answer = { jsonrpc: '2.0', id: toEchoedId(id), result: result ?? null };
    } catch (error) {
      const failure = toRpcError(error);
      logUnlogged(logger, failure, metadata.requestId);
      answer = refusal(toEchoedId(id), failure, metadata.requestId);
    }
    return convert(answer, metadata.requestId);
  }

  function judge(request: unknown, context: FaceContext): Promise<Answer | undefined> {
    const { requestId } = context.metadata;
    const id = answeredId(request, limits);
    if (!isCallable(request, limits)) return Promise.resolve(refusal(id, invalidRequest(), requestId));
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const call = toJaysonRequest(request) as unknown as jayson.JSONRPCRequestLike;
    engine.call(call, context, (failed?: unknown, succeeded?: unknown) => {
      const answer = (failed ?? succeeded) as Answer | undefined;
      // jayson's own refusals carry no data; they are replaced by refusals in this kit's form.
      const refused = isRecord(answer?.error) && answer.error.data === undefined;
      resolve(refused ? refusal(id, invalidRequest(), requestId) : answer && { ...answer, id });
    });
    return promise;
  }

  /** Serialized call by call, so that an answer that cannot be serialized, or is too large, fails alone. */
  function toText(answer: Answer, requestId: string): string {
    try {
      const text = stringifyJson(answer);
      if (Buffer.byteLength(text) > limits.answerBytesMax) throw new AnswerTooLarge(limits.answerBytesMax);
      return text;
    } catch (error) {
      logger.error({ err: error, request_id: requestId }, 'call could not be answered');
      return stringifyJson(refusal(answer.id, toRpcError(error), requestId));
    }
  }

  async function judgedText(request: unknown, context: FaceContext): Promise<string | undefined> {
    const answer = await judge(request, context);
    return answer && toText(answer, requestIdOf(request, context));
  }

  const answerText = (request: unknown, context: FaceContext): Promise<string | undefined> =>
    isOrdinary(request, limits) ? answerOrdinary(request, context, toText) : judgedText(request, context);

  /** Replaces the answer to a read for which a batch's answer has no room; `undefined` for a write. */
  function evictedText(request: unknown, context: FaceContext): string | undefined {
    const method = isRecord(request) ? request.method : undefined;
    const reads = method === 'rpc.discover' || methodNamed(method)?.reads;
    if (!reads) return undefined;
    return stringifyJson(refusal(answeredId(request, limits), sendAlone(), requestIdOf(request, context)));
  }

  const methodNamed = (method: unknown) =>
    typeof method === 'string' && Object.hasOwn(methods, method) ? methods[method] : undefined;

  async function answerMany(batch: readonly unknown[], context: FaceContext, sendPart: SendPart | undefined) {
    const { requestId } = context.metadata;
    if (batch.length === 0) return stringifyJson(refusal(null, invalidRequest(), requestId));
    if (batch.length > limits.batchLengthMax) {
      const message = `Invalid request: a batch holds at most ${limits.batchLengthMax} calls`;
      return stringifyJson(refusal(null, new RpcError('invalid_request', message), requestId));
    }
    return await answerBatch(batch, {
      answerOne: (request) => answerText(request, context),
      evicted: (request) => evictedText(request, context),
      bytesMax: limits.answerBytesMax,
      sendPart,
    });
  }

  return {
    answer: (parsed, context, sendPart) =>
      Array.isArray(parsed) ? answerMany(parsed, context, sendPart) : answerText(parsed, context),
  };
}

function unchanged<T>(value: T): T {
  return value;
}

/** The id under which the call itself was logged. */
function requestIdOf(request: unknown, { metadata }: FaceContext): string {
  const meta = isRecord(request) && isRecord(request.meta) ? request.meta : {};
  return typeof meta.requestId === 'string' ? acceptRequestId(meta.requestId) : metadata.requestId;
}

export function refusal(id: unknown, error: RpcError, requestId: string): Answer {
  return { jsonrpc: '2.0', id, error: toJsonRpcError(error, requestId) };
}

function invalidRequest(): RpcError {
  return new RpcError('invalid_request', 'Invalid request');
}

/** Params that are no structure become null, which jayson refuses. */
function toJaysonRequest(request: Record<string, unknown>): Record<string, unknown> {
  const { jsonrpc, method, params, meta } = request;
  const envelope: Envelope | null = isStructured(params) ? { params, meta } : null;
  // jayson treats a request with a member `id` as a call, even when the id is undefined.
  if (!Object.hasOwn(request, 'id')) return { jsonrpc, method, params: envelope };
  return { jsonrpc, method, params: envelope, id: PLACEHOLDER_ID };
}

type Execute = (call: OrdinaryCall, context: FaceContext) => Promise<Answer>;

function createEngine(names: readonly string[], execute: Execute): jayson.Server {
  const create = (name: string) => toJaysonMethod(execute, name);
  const known = new Map([...names, 'rpc.discover'].map((name) => [name, create(name)]));
  return new jayson.Server({}, { router: (name: string) => known.get(name) ?? create(name) });
}

function toJaysonMethod(execute: Execute, method: string) {
  const handler = async (envelope: Envelope, context: FaceContext, callback: JaysonCallback): Promise<void> => {
    const { error, result } = await execute({ ...envelope, id: PLACEHOLDER_ID, method }, context);
    callback(error, result);
  };
  return new jayson.Method(handler as jayson.MethodHandlerContext, { useContext: true });
}
