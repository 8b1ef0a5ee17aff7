import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type Call, RpcError } from 'rpc-kit';
import { vendoredCodec } from 'rpc-kit/grpc';
import { type Deadline, startDeadline } from '../../src/deadline.ts';
import { decodeResult, endOf, resultOf } from '../../src/grpc/client/answer.ts';
import type { Target } from '../../src/grpc/client/connect.ts';
import { type AnswerHeaders, type ExchangeRequest, exchange } from '../../src/grpc/client/exchange.ts';
import { fixedHeaders, headersOf } from '../../src/grpc/client/request-headers.ts';
import { SessionPool } from '../../src/grpc/client/session-pool.ts';
import { frameMessage } from '../../src/grpc/framing.ts';
import { decodeBinary, GRPC_HEADERS } from '../../src/grpc/metadata.ts';
import { codeOfGrpcStatus, GRPC_STATUS } from '../../src/grpc/status-code.ts';
import type { TlsFiles } from '../../src/http/tls.ts';
import type { ClientRequest, ErrorDefinition, Header, Messages } from './messages.ts';

/** COMPRESSION_GZIP */
const GZIP = 2;
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Each pool makes one call. */
const LIMITS = { sessionsMax: 1, streamsMax: 1, waitingMax: 1, callsMax: 1 };

/** What the suite wants to know of a call: a ClientResponseResult. */
interface Outcome {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly payloads: readonly object[];
  readonly error?: ErrorDefinition;
}

/** Makes one call as `createGrpcTransport` would, with own headers, and with the answer's headers and trailers kept. */
export async function callAsTold(messages: Messages, request: ClientRequest): Promise<Outcome> {
  const { timeoutMs, requestDelayMs, cancel, method: name = '' } = request;
  await sleep(requestDelayMs);
  const leaving = new AbortController();
  using deadline = startDeadline(timeoutMs ?? Number.POSITIVE_INFINITY, leaving.signal);
  const leave = (): void => leaving.abort(new RpcError('cancelled', 'The case cancels the call'));
  const { case: timing, value: limit = 0 } = cancel?.cancelTiming ?? {};

  const payloads: object[] = [];
  const take = (value: unknown): void => {
    payloads.push((value as { payload?: object }).payload ?? {});
    if (timing === 'afterNumResponses' && payloads.length === limit) leave();
  };
  const answerBytesMax = request.messageReceiveLimit || ANSWER_BYTES_MAX;
  const method = {
    result: { decode: (bytes: Uint8Array) => messages.decode<unknown>(`${name}Response`, bytes) },
    details: new Map(),
  };
  let headers: AnswerHeaders = {};
  let trailers: AnswerHeaders = {};
  const onMessage: ExchangeRequest['onMessage'] = async (message, answerHeaders) => {
    headers = answerHeaders;
    take(await decodeResult(message, answerHeaders, method, answerBytesMax));
  };
  const isStream = name === 'ServerStream';
  const target = targetOf(request);
  const pool = new SessionPool(target, LIMITS, Math.random);
  let failure: RpcError | undefined;
  try {
    const answering = exchange(pool, {
      ...toRequest(request, target.origin, deadline),
      answerBytesMax,
      onMessage: isStream ? onMessage : undefined,
    });
    if (cancel && timing !== 'afterNumResponses') setTimeout(leave, limit);
    const answer = await answering;
    ({ headers, trailers } = answer);
    if (isStream) endOf(answer, method);
    else take(await resultOf(answer, method, answerBytesMax));
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    failure = error;
  } finally {
    await pool.close();
  }
  return {
    responseHeaders: toHeaders(headers),
    responseTrailers: toHeaders(trailers),
    payloads,
    ...(failure && { error: toErrorOutcome(failure, trailers) }),
  };
}

function targetOf({ host, port, serverTlsCert }: ClientRequest): Target {
  if (serverTlsCert.length === 0) return { origin: `http://${host}:${port}`, host: undefined, tls: undefined };
  const ca = Buffer.from(serverTlsCert).toString();
  return { origin: `https://${host}:${port}`, host: undefined, tls: () => ({ ca }) as TlsFiles };
}

function toRequest(
  { service, method = '', requestHeaders, requestMessages, compression }: ClientRequest,
  origin: string,
  { signal, at: deadlineAt }: Deadline,
): Pick<ExchangeRequest, 'peer' | 'headers' | 'frame' | 'signal' | 'deadlineAt'> {
  const call: Call = {
    ...{ service: 'conformance', method, contract: undefined, params: undefined, caller: {} },
    ...{ signal, deadlineAt, requestId: '1' },
  };
  const headers = headersOf(fixedHeaders(origin, undefined, 'conformance/1'), `/${service}/${method}`, call);
  for (const { name, value } of requestHeaders) for (const text of value) headers.push(name.toLowerCase(), text);
  const message = requestMessages[0]?.value ?? new Uint8Array();
  const common = { peer: 'the peer', headers, signal, deadlineAt };
  if (compression !== GZIP) return { ...common, frame: frameMessage(message) };
  // Our client does not compress; that it may is shown by peers that inflate it.
  headers.push(GRPC_HEADERS.encoding, 'gzip');
  return { ...common, frame: frameMessage(gzipSync(message), true) };
}

/** The number is the peer's where it sent one: UNKNOWN, OUT_OF_RANGE and DATA_LOSS have no code of their own here. */
function toErrorOutcome({ code, message }: RpcError, trailers: AnswerHeaders): ErrorDefinition {
  const status = Number(trailers[GRPC_HEADERS.status]);
  const isSent = status > 0 && codeOfGrpcStatus(status) === code;
  const bytes = trailers[GRPC_HEADERS.details] as string | undefined;
  const decoded = bytes === undefined ? undefined : vendoredCodec('google.rpc.Status').decode(decodeBinary(bytes));
  const { details } = (decoded ?? { details: [] }) as Pick<ErrorDefinition, 'details'>;
  return { code: isSent ? status : GRPC_STATUS[code], message, details };
}

function toHeaders(headers: AnswerHeaders): Header[] {
  return Object.entries(headers)
    .filter(([name]) => !name.startsWith(':'))
    .map(([name, value]) => ({ name, value: [value ?? []].flat().map(String) }));
}
