import jayson from 'jayson';
import type { Logger } from 'pino';
import { sendAlone } from '../../calling/failure.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import { isRawNumber, rawNumber, stringifyJson } from '../../schema/json.ts';
import type { Service } from '../../server.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import { callMeta, type FaceContext, toCall, withMeta } from '../metadata.ts';
import { isRecord, toJsonRpcError } from '../wire-error.ts';
import { AnswerTooLarge } from './answer.ts';
import { answerBatch, type BatchAnswer, type SendPart } from './batch.ts';
import type { HttpLimits } from './limits.ts';

/**
 * `POST /rpc`: JSON-RPC 2.0 (https://www.jsonrpc.org/specification), whole. jayson validates and dispatches each call. Batches
 * and ids are handled here, because jayson leaves arrays inside a batch unanswered, treats a null id as a notification and
 * supports no id beyond 2^53.
 */
export interface RpcFace {
  /**
   * @param parsed the request's JSON value, a call or a batch
   * @param sendPart receives the beginning of a batch's answer while other calls of the batch are still in flight
   * @returns the answer as JSON text, or its rest; `undefined` when there is nothing to answer (notifications only)
   */
  answer(parsed: unknown, context: FaceContext, sendPart?: SendPart): Promise<string | undefined>;
}

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
  const engine = createEngine(service, discover);

  function answerOne(request: unknown, context: FaceContext): Promise<Answer | undefined> {
    const { requestId } = context.metadata;
    const id = isRecord(request) && isId(request.id, limits) ? toEchoedId(request.id) : null;
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
  async function answerText(request: unknown, context: FaceContext): Promise<BatchAnswer | undefined> {
    const answer = await answerOne(request, context);
    if (!answer) return undefined;
    const refuse = (error: RpcError) => stringifyJson(refusal(answer.id, error, requestIdOf(request, context)));
    const evicted = onlyReads(service, request) ? () => refuse(sendAlone()) : undefined;
    try {
      const text = stringifyJson(answer);
      if (Buffer.byteLength(text) > limits.answerBytesMax) throw new AnswerTooLarge(limits.answerBytesMax);
      return { text, evicted };
    } catch (error) {
      logger.error({ err: error, request_id: requestIdOf(request, context) }, 'call could not be answered');
      return { text: refuse(toRpcError(error)), evicted };
    }
  }

  return {
    async answer(parsed, context, sendPart) {
      const { requestId } = context.metadata;
      if (!Array.isArray(parsed)) return (await answerText(parsed, context))?.text;
      if (parsed.length === 0) return stringifyJson(refusal(null, invalidRequest(), requestId));
      if (parsed.length > limits.batchLengthMax) {
        const message = `Invalid request: a batch holds at most ${limits.batchLengthMax} calls`;
        return stringifyJson(refusal(null, new RpcError('invalid_request', message), requestId));
      }
      return answerBatch(parsed, (request) => answerText(request, context), limits.answerBytesMax, sendPart);
    },
  };
}

function onlyReads({ contract }: Service, request: unknown): boolean {
  const name = isRecord(request) ? request.method : undefined;
  if (typeof name !== 'string') return false;
  return name === 'rpc.discover' || (Object.hasOwn(contract.methods, name) && contract.methods[name]?.reads === true);
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

function isCallable(request: unknown, limits: HttpLimits): request is Record<string, unknown> {
  return isRecord(request) && (!Object.hasOwn(request, 'id') || isId(request.id, limits));
}

function isId(id: unknown, limits: HttpLimits): boolean {
  if (id === null || typeof id === 'number') return true;
  if (typeof id === 'string') return id.length <= limits.idLengthMax;
  if (typeof id === 'bigint') return id.toString().length <= limits.idLengthMax;
  return isRawNumber(id) && id.rawJSON.length <= limits.idLengthMax;
}

/** Ids keep their spelling: a caller that sent 1.0 may match the answer by 1.0. */
export function isCallId(holder: object, key: string): boolean {
  return key === 'id' && Object.hasOwn(holder, 'jsonrpc');
}

/** An id is echoed digit for digit, however long. */
function toEchoedId(id: unknown): unknown {
  if (typeof id === 'bigint') return rawNumber(id.toString());
  return Object.is(id, -0) ? rawNumber('-0') : id;
}

/** The params carry the call's meta, which jayson passes to no method. Params that are no structure become null, which jayson refuses. */
function toJaysonRequest(request: Record<string, unknown>): Record<string, unknown> {
  const { jsonrpc, method, params, meta } = request;
  const structured = params === undefined || (typeof params === 'object' && params !== null && !isRawNumber(params));
  const envelope: Envelope | null = structured ? { params, meta } : null;
  // jayson treats a request with a member `id` as a call, even when the id is undefined.
  if (!Object.hasOwn(request, 'id')) return { jsonrpc, method, params: envelope };
  return { jsonrpc, method, params: envelope, id: PLACEHOLDER_ID };
}

function createEngine(service: Service, discover: Discover): jayson.Server {
  const create = (name: string) => toJaysonMethod(service, discover, name);
  const known = new Map([...Object.keys(service.contract.methods), 'rpc.discover'].map((name) => [name, create(name)]));
  return new jayson.Server({}, { router: (name: string) => known.get(name) ?? create(name) });
}

function toJaysonMethod(service: Service, discover: Discover, name: string) {
  const handler = async ({ params, meta }: Envelope, context: FaceContext, callback: JaysonCallback): Promise<void> => {
    let { requestId } = context.metadata;
    try {
      const metadata = withMeta(context.metadata, parseMeta(meta));
      requestId = metadata.requestId;
      if (name === 'rpc.discover') return callback(null, discover(context.host));
      const call = toCall(service.contract.name, name, params, metadata, context.answerHeaders);
      callback(null, await service.call(call, context.caller));
    } catch (error) {
      callback(toJsonRpcError(toRpcError(error), requestId));
    }
  };
  return new jayson.Method(handler as jayson.MethodHandlerContext, { useContext: true });
}

function parseMeta(meta: unknown) {
  if (meta === undefined) return undefined;
  const parsed = callMeta.safeParse(meta);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = ['meta', ...(issue?.path ?? [])].join('/');
  throw new RpcError('invalid_request', `Invalid request: ${where}: ${issue?.message}`);
}
