import * as z from 'zod';
import type { Caller } from '../call.ts';
import type { Canceller } from '../deadline.ts';
import { RpcError } from '../rpc-error.ts';
import { fromWireInteger, isRawNumber } from '../schema/json.ts';
import { idempotencyKey } from '../schema/wire-types.ts';
import type { ReceivedCall } from '../server.ts';
import { acceptRequestId } from '../telemetry/request-id.ts';
import { acceptTraceContext, type TraceContext } from '../telemetry/trace-context.ts';
import { idempotencyKeyOfRequest } from './idempotency-key-header.ts';
import { type CallMeta, METADATA_HEADERS } from './sent-metadata.ts';
import type { RequestHead } from './server/carried.ts';

/** The metadata of a call: in headers for a whole request, in `meta` for one call of a batch. */
export interface Metadata extends TraceContext {
  readonly requestId: string;
  /** When the request arrived, on `performance.now()`'s scale. */
  readonly receivedAt: number;
  /** The caller's deadline on the same scale, infinite without one. */
  readonly deadlineAt: number;
  readonly caller: Caller;
}

const WHOLE_MILLISECONDS = /^-?\d+$/;
/** The longest delay of a timer, 24 days: beyond every method's timeout. */
const DEADLINE_MS_MAX = 2 ** 31 - 1;
const CALLER = /^[\w./-]{1,64}/;

/** @throws {RpcError} invalid_request for a malformed header */
export function metadataOfRequest(request: RequestHead, requestId: string, receivedAt: number): Metadata {
  const { headers, socket } = request;
  const deadline = headers[METADATA_HEADERS.deadlineMs] as string | undefined;
  if (deadline !== undefined && !WHOLE_MILLISECONDS.test(deadline)) {
    throw new RpcError('invalid_request', 'x-deadline-ms must be a whole number of milliseconds');
  }
  const { traceparent, tracestate, baggage } = acceptTraceContext(headers as TraceContext);
  return {
    requestId,
    receivedAt,
    deadlineAt: deadline === undefined ? Number.POSITIVE_INFINITY : receivedAt + boundDeadlineMs(Number(deadline)),
    traceparent,
    tracestate,
    baggage,
    caller: {
      name: callerNameOf(headers['user-agent']),
      idempotencyKey: idempotencyKeyOfRequest(request),
      authorization: authorizationOfRequest(request),
      address: socket.remoteAddress,
    },
  };
}

/** Most requests come from the caller of the last one. */
let lastAgent: string | undefined;
let lastName: string | undefined;

/** The first word of a User-Agent. */
export function callerNameOf(agent: string | undefined): string | undefined {
  if (agent === lastAgent) return lastName;
  lastAgent = agent;
  lastName = agent?.match(CALLER)?.[0];
  return lastName;
}

/** node:http keeps only the first header; a proxy may have checked the other one. */
function authorizationOfRequest({ headers: { authorization }, rawHeaders }: RequestHead): string | undefined {
  if (authorization === undefined) return undefined;
  let lines = 0;
  // Names and values alternate.
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 13 && name.toLowerCase() === 'authorization') lines++;
  }
  if (lines > 1) throw new RpcError('invalid_request', 'Send one Authorization header');
  return authorization;
}

/** A negative deadline has passed; the method's timeout replaces one that is longer. */
function boundDeadlineMs(ms: number): number {
  return Math.min(Math.max(ms, 0), DEADLINE_MS_MAX);
}

/** A number of this size counts as whole, although it may be too long to be converted exactly. */
const HUGE = 1e100;

/** Bounds every whole JSON number, however long. zod refuses anything else. */
function boundWireDeadline(wire: unknown): unknown {
  const whole = fromWireInteger(wire);
  if (whole !== undefined) return boundDeadlineMs(Number(whole));
  if (!isRawNumber(wire)) return wire;
  const ms = Number(wire.rawJSON);
  return Math.abs(ms) >= HUGE ? boundDeadlineMs(ms) : Number.NaN;
}

/** No call fails for its trace: a value that is no text is dropped here, a malformed text by `acceptTraceContext`. */
const traceText = z.string().optional().catch(undefined);

/**
 * The `meta` member of one call. The request's headers apply where it has no value. It has no authorization: the header identifies
 * the caller of all calls of a request, whatever a batch contains.
 */
export const callMeta = z.object({
  requestId: z.string().optional(),
  deadlineMs: z.preprocess(boundWireDeadline, z.int().optional()).optional(),
  traceparent: traceText,
  tracestate: traceText,
  baggage: traceText,
  idempotencyKey: idempotencyKey.optional(),
});

export function withMeta(metadata: Metadata, meta: CallMeta | undefined): Metadata {
  if (meta === undefined) return metadata;
  const { requestId, deadlineMs, idempotencyKey } = meta;
  const { receivedAt } = metadata;
  const { traceparent, tracestate, baggage } = withOwnTrace(metadata, meta);
  return {
    requestId: requestId === undefined ? metadata.requestId : acceptRequestId(requestId),
    receivedAt,
    deadlineAt: deadlineMs === undefined ? metadata.deadlineAt : receivedAt + deadlineMs,
    traceparent,
    tracestate,
    baggage,
    caller: idempotencyKey === undefined ? metadata.caller : { ...metadata.caller, idempotencyKey },
  };
}

/** A tracestate belongs to the traceparent beside it; a tracestate alone replaces that of the headers. */
function withOwnTrace(ofHeaders: TraceContext, { traceparent, tracestate, baggage }: TraceContext): TraceContext {
  const own = acceptTraceContext({ traceparent: traceparent ?? ofHeaders.traceparent, tracestate, baggage });
  const isOwn = own.traceparent !== undefined && (traceparent ?? tracestate) !== undefined;
  const trace = isOwn ? own : ofHeaders;
  return { traceparent: trace.traceparent, tracestate: trace.tracestate, baggage: own.baggage ?? ofHeaders.baggage };
}

/** What a face passes to a service besides the method and its params. */
export interface FaceContext {
  readonly metadata: Metadata;
  /** The Host of the request. */
  readonly host?: string | undefined;
  /** Cancelled when the caller leaves. */
  readonly caller: Canceller;
  readonly answerHeaders: Map<string, string>;
}

/** The call as the service receives it. */
export function toCall(
  service: string,
  method: string,
  params: unknown,
  metadata: Metadata,
  answerHeaders: Map<string, string>,
): ReceivedCall {
  const { requestId, deadlineAt, traceparent, tracestate, baggage, caller } = metadata;
  return {
    service,
    method,
    params,
    deadlineAt,
    requestId,
    traceparent,
    tracestate,
    baggage,
    caller,
    answerHeaders,
  };
}
