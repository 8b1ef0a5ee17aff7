import type { MethodContract } from '../../contract.ts';
import { wireSchema } from '../../documents/wire-schema.ts';
import { RpcError, toRpcError } from '../../rpc-error.ts';
import type { Service } from '../../server.ts';
import { type StreamOf, streamOf } from '../../stream.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { logUnlogged } from '../../telemetry/unlogged.ts';
import { type FaceContext, toCall } from '../metadata.ts';
import { isRecord } from '../wire-error.ts';
import { parseBody } from './body.ts';
import type { CarriedResponse, RequestHead } from './carried.ts';
import { EventStream, type EventStreamOptions } from './event-stream.ts';
import type { HttpLimits } from './limits.ts';
import { type HttpAnswer, plainRefusal } from './plain-face.ts';

/** A method that answers with a stream, on the plain face. */
export interface StreamRoute extends StreamOf {
  /** Params whose JSON is no text: in a query and in a header they are written as JSON. */
  readonly jsonParams: ReadonlySet<string>;
}

export function streamRouteOf(method: MethodContract): StreamRoute | undefined {
  const stream = streamOf(method);
  if (!stream) return undefined;
  const properties = Object.entries((wireSchema(method.params).properties ?? {}) as Record<string, { type?: unknown }>);
  const jsonParams = new Set(properties.filter(([, { type }]) => type !== 'string').map(([name]) => name));
  return { ...stream, jsonParams };
}

interface StreamedRequest {
  readonly service: Service;
  readonly name: string;
  readonly stream: StreamRoute;
  readonly request: RequestHead;
  readonly response: CarriedResponse;
  /** The body. */
  readonly text: string;
  readonly context: FaceContext;
  readonly limits: HttpLimits;
  readonly logger: Logger;
  readonly finish: EventStreamOptions['finish'];
}

/**
 * Answers a call with an event for each item.
 * @returns the answer to a browser that has every item already: it stops connecting; else `undefined`
 * @throws what fails before the first byte; later, it is the last event
 */
export async function answerStream(streamed: StreamedRequest): Promise<HttpAnswer | undefined> {
  const { service, name, stream, request, response, context, limits, logger, finish } = streamed;
  const { metadata, caller, answerHeaders } = context;
  using events = new EventStream(response, { limits, headers: answerHeaders, id: stream.id, finish });
  try {
    const call = toCall(service.contract.name, name, paramsOf(streamed), metadata, answerHeaders);
    await service.call({ ...call, emit: events.emit }, caller);
    if (!events.hasBegun && lastEventIdOf(request) !== undefined) return { status: 204, body: undefined };
    events.end();
  } catch (error) {
    if (!events.hasBegun) throw error;
    const failure = toRpcError(error);
    logUnlogged(logger, failure, metadata.requestId);
    events.fail(plainRefusal(failure, metadata.requestId).body, failure.retryAfterMs);
  }
  return undefined;
}

/**
 * The params of the body; of a GET without a body, as browsers send it, those of the query. `Last-Event-ID`, by which a browser goes
 * on after a broken connection, takes the place of the param that resumes the stream.
 */
function paramsOf({ text, request, stream, limits }: StreamedRequest): unknown {
  const params = text === '' ? paramsOfQuery(request, stream, limits) : parseBody(text, limits);
  const lastId = lastEventIdOf(request);
  if (stream.resume === undefined || lastId === undefined || !isRecord(params)) return params;
  return { ...params, [stream.resume]: toValue(stream.resume, lastId, stream, limits) };
}

/** Not among the headers that are read for every request. */
function lastEventIdOf({ rawHeaders }: RequestHead): string | undefined {
  // Names and values alternate.
  const index = rawHeaders.findIndex((name, at) => at % 2 === 0 && name.toLowerCase() === 'last-event-id');
  return index < 0 ? undefined : rawHeaders[index + 1] || undefined;
}

function paramsOfQuery({ method, url = '' }: RequestHead, stream: StreamRoute, limits: HttpLimits): unknown {
  const start = url.indexOf('?');
  if (method !== 'GET' || start < 0) return {};
  const params = new Map<string, unknown>();
  for (const [name, text] of new URLSearchParams(url.slice(start))) {
    if (params.has(name)) throw new RpcError('invalid_params', 'Invalid params: the query has a param twice');
    params.set(name, toValue(name, text, stream, limits));
  }
  return Object.fromEntries(params);
}

/** What is no JSON stays a text, which validation refuses with a sentence of its own. */
function toValue(name: string, text: string, { jsonParams }: StreamRoute, limits: HttpLimits): unknown {
  if (!jsonParams.has(name)) return text;
  try {
    return parseBody(text, limits);
  } catch {
    return text;
  }
}

/** The callers of a stopping server come back within this time, spread over it: the streams of a process end together. */
const RESUME_WITHIN_MS = 1_000;

/** Ends each stream of a server that stops, so that its caller goes on at another one, and the stop need not wait. */
export function stopping(): RpcError {
  const retryAfterMs = Math.ceil(Math.random() * RESUME_WITHIN_MS);
  return new RpcError('unavailable', 'The service stops; call again to resume after the last item', { retryAfterMs });
}
