import { setImmediate as nextTurn } from 'node:timers/promises';
import jayson from 'jayson';
import type { Logger } from 'pino';
import { sendAlone } from '../../calling/failure.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import { isRawNumber, rawNumber, stringifyJson } from '../../schema/json.ts';
import type { Service } from '../../server.ts';
import { acceptRequestId } from '../../telemetry/request-id.ts';
import { callMeta, type FaceContext, type Metadata, toCall, withMeta } from '../metadata.ts';
import { isRecord, toJsonRpcError } from '../wire-error.ts';
import { AnswerTooLarge } from './answer.ts';
import { BatchAnswers } from './batch-answers.ts';
import type { HttpLimits } from './limits.ts';

/**
 * `POST /rpc`: JSON-RPC 2.0 (https://www.jsonrpc.org/specification), whole. jayson judges and dispatches each call;
 * the batch and the ids are held here, because jayson leaves arrays inside a batch unanswered, takes a null id for
 * a notification and knows no id beyond 2^53.
 */
export interface RpcFace {
  /**
   * @param parsed the request's JSON value, a call or a batch
   * @param sendPart takes the beginning of a batch's answer while other calls of the batch are still under way
   * @returns the answer as JSON text, or its rest; `undefined` when there is nothing to answer (notifications only)
   */
  answer(parsed: unknown, context: FaceContext, sendPart?: SendPart): Promise<string | undefined>;
}

export type SendPart = (text: string) => void;

/** Most batches are complete sooner and travel as one; the shortest timeouts in use are ten times longer. */
const PART_MS = 20;

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

interface WrittenAnswer {
  readonly id: unknown;
  readonly text: string;
}

type JaysonCallback = (error?: unknown, result?: unknown) => void;

/** Calls of a batch start in one turn of the event loop until they have taken this long: fifty refusals take 10 ms together. */
const TURN_MS = 2;

/** Makes the document for `rpc.discover`, for a caller that reached the service by this Host. */
type Discover = (host: string | undefined) => unknown;

/** Stands for the call's id while jayson has it. */
const PLACEHOLDER_ID = 0;

export function createRpcFace(service: Service, discover: Discover, limits: HttpLimits, logger: Logger): RpcFace {
  const create = (name: string) => toJaysonMethod(service, discover, name);
  const known = new Map([...Object.keys(service.contract.methods), 'rpc.discover'].map((name) => [name, create(name)]));
  const engine = new jayson.Server({}, { router: (name: string) => known.get(name) ?? create(name) });

  function answerOne(request: unknown, context: FaceContext): Promise<Answer | undefined> {
    const { metadata } = context;
    const id = isRecord(request) && isId(request.id, limits) ? toEchoedId(request.id) : null;
    if (!isCallable(request, limits)) return Promise.resolve(refusal(id, invalidRequest(), metadata));
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const call = toJaysonRequest(request) as unknown as jayson.JSONRPCRequestLike;
    engine.call(call, context, (failed?: unknown, succeeded?: unknown) => {
      const answer = (failed ?? succeeded) as Answer | undefined;
      // jayson's own refusals come without data, in place of which ours stands.
      const refused = isRecord(answer?.error) && answer.error.data === undefined;
      resolve(refused ? refusal(id, invalidRequest(), metadata) : answer && { ...answer, id });
    });
    return promise;
  }

  /** Written call by call, so that an answer that cannot be written, or is too large, costs no other its own. */
  async function answerText(request: unknown, context: FaceContext): Promise<WrittenAnswer | undefined> {
    const answer = await answerOne(request, context);
    if (!answer) return undefined;
    const { id } = answer;
    try {
      const text = stringifyJson(answer);
      if (Buffer.byteLength(text) > limits.answerBytesMax) throw new AnswerTooLarge(limits.answerBytesMax);
      return { id, text };
    } catch (error) {
      const requestId = requestIdOf(request, context);
      logger.error({ err: error, request_id: requestId }, 'call could not be answered');
      return { id, text: stringifyJson(refusal(id, toRpcError(error), { requestId })) };
    }
  }

  async function answerBatch(
    batch: readonly unknown[],
    context: FaceContext,
    sendPart: SendPart | undefined,
  ): Promise<string | undefined> {
    const answers = new BatchAnswers(limits.answerBytesMax);
    const answerInto = async (request: unknown, index: number): Promise<void> => {
      const answer = await answerText(request, context);
      if (!answer) return;
      const { id, text } = answer;
      const inPlace = () => stringifyJson(refusal(id, sendAlone(), { requestId: requestIdOf(request, context) }));
      answers.put(index, text, onlyReads(service, request) ? inPlace : undefined);
    };
    const sending = sendPart && sendParts(answers, sendPart);
    try {
      await startInTurns(batch, answerInto);
    } finally {
      clearInterval(sending);
    }
    return answers.takeRest();
  }

  return {
    async answer(parsed, context, sendPart) {
      const { metadata } = context;
      if (!Array.isArray(parsed)) return (await answerText(parsed, context))?.text;
      if (parsed.length === 0) return stringifyJson(refusal(null, invalidRequest(), metadata));
      if (parsed.length > limits.batchLengthMax) {
        const message = `Invalid request: a batch holds at most ${limits.batchLengthMax} calls`;
        return stringifyJson(refusal(null, new RpcError('invalid_request', message), metadata));
      }
      return answerBatch(parsed, context, sendPart);
    },
  };
}

function sendParts(answers: BatchAnswers, sendPart: SendPart): NodeJS.Timeout {
  return setInterval(() => {
    const part = answers.take();
    if (part !== '') sendPart(part);
  }, PART_MS);
}

/** Starts the calls of a batch, and resolves once all of them are answered. */
async function startInTurns(
  batch: readonly unknown[],
  answerInto: (request: unknown, index: number) => Promise<void>,
): Promise<void> {
  const answered: Promise<void>[] = [];
  let turnEndsAt = performance.now() + TURN_MS;
  for (const [index, request] of batch.entries()) {
    if (performance.now() > turnEndsAt) {
      await nextTurn();
      turnEndsAt = performance.now() + TURN_MS;
    }
    answered.push(answerInto(request, index));
  }
  await Promise.all(answered);
}

function onlyReads({ contract }: Service, request: unknown): boolean {
  const name = isRecord(request) ? request.method : undefined;
  if (typeof name !== 'string') return false;
  return name === 'rpc.discover' || (Object.hasOwn(contract.methods, name) && contract.methods[name]?.reads === true);
}

/** The id that the call itself was logged under. */
function requestIdOf(request: unknown, { metadata }: FaceContext): string {
  const meta = isRecord(request) && isRecord(request.meta) ? request.meta : {};
  return typeof meta.requestId === 'string' ? acceptRequestId(meta.requestId) : metadata.requestId;
}

/** The answer to what could not be carried out at all. */
export function refusal(id: unknown, error: RpcError, metadata: Metadata): Answer {
  return { jsonrpc: '2.0', id, error: toJsonRpcError(error, metadata.requestId) };
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

/** Ids are kept as they are spelled: whoever sent 1.0 may look for 1.0. */
export function isCallId(holder: object, key: string): boolean {
  return key === 'id' && Object.hasOwn(holder, 'jsonrpc');
}

/** An id goes back as it came, digit for digit, however long. */
function toEchoedId(id: unknown): unknown {
  if (typeof id === 'bigint') return rawNumber(id.toString());
  return Object.is(id, -0) ? rawNumber('-0') : id;
}

/** Params carry the call's meta along, which jayson hands to no method; params of no structure become what it refuses. */
function toJaysonRequest(request: Record<string, unknown>): Record<string, unknown> {
  const { jsonrpc, method, params, meta } = request;
  const structured = params === undefined || (typeof params === 'object' && params !== null && !isRawNumber(params));
  const envelope: Envelope | null = structured ? { params, meta } : null;
  // A member `id` makes a call of a notification, also when it is undefined.
  if (!Object.hasOwn(request, 'id')) return { jsonrpc, method, params: envelope };
  return { jsonrpc, method, params: envelope, id: PLACEHOLDER_ID };
}

function toJaysonMethod(service: Service, discover: Discover, name: string) {
  const handler = async ({ params, meta }: Envelope, context: FaceContext, callback: JaysonCallback): Promise<void> => {
    let { requestId } = context.metadata;
    try {
      const metadata = withMeta(context.metadata, parseMeta(meta));
      requestId = metadata.requestId;
      if (name === 'rpc.discover') return callback(null, discover(context.host));
      callback(null, await service.call(toCall(service.contract.name, name, params, { ...context, metadata })));
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
