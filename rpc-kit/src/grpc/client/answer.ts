import { gunzip } from 'node:zlib';
import { answerTooLarge } from '../../http/client/answer-body.ts';
import { parseRetryAfter } from '../../http/retry-after.ts';
import { RpcError } from '../../rpc-error.ts';
import type { FramingFault, ReceivedMessage } from '../framing.ts';
import { CONTENT_TYPE, decodeBinary, decodeMessage, GRPC_HEADERS, isGrpcProto } from '../metadata.ts';
import { type DetailsMessages, decodeStatus } from '../status.ts';
import { codeOfHttpStatusWithoutGrpc, GRPC_OK } from '../status-code.ts';
import type { Answer, AnswerHeaders } from './exchange.ts';

export interface ResultReader {
  readonly result: { decode(bytes: Uint8Array): unknown };
  readonly details: DetailsMessages;
}

/** @throws {RpcError} the answer's error, or `internal` for an answer that is none of gRPC */
export async function resultOf(answer: Answer, method: ResultReader, bytesMax: number): Promise<unknown> {
  const message = endOf(answer, method);
  if (message === undefined) throw wrongCount('no message');
  return decodeResult(message, answer.headers, method, bytesMax);
}

/**
 * @returns its message; none of a stream, whose messages have been passed on
 * @throws {RpcError} the answer's error, or `internal` for an answer that is none of gRPC
 */
export function endOf(answer: Answer, method: ResultReader): ReceivedMessage | undefined {
  const status = statusOf(answer);
  if (status !== GRPC_OK) throw errorOf(status, answer, method);
  const { message } = answer;
  if (message === 'too large') throw answerTooLarge();
  if (message === 'more than one message') throw wrongCount(message);
  if (typeof message === 'string') throw malformed(DESCRIPTIONS[message]);
  return message;
}

/** @throws {RpcError} internal, for bytes that are no such message */
export async function decodeResult(
  message: ReceivedMessage,
  headers: AnswerHeaders,
  { result }: ResultReader,
  bytesMax: number,
): Promise<unknown> {
  const bytes = message.isCompressed ? await inflate(message, headers[GRPC_HEADERS.encoding], bytesMax) : message.bytes;
  try {
    return result.decode(bytes);
  } catch (cause) {
    throw new RpcError('internal', 'The peer answered something that is not the message of the result', { cause });
  }
}

const DESCRIPTIONS: Readonly<Record<Exclude<FramingFault, 'too large' | 'more than one message'>, string>> = {
  'wrong flag': 'a message without a valid prefix',
  'too many pieces': 'in too many pieces',
  'cut off': 'a message that is cut off',
};

/** @throws {RpcError} for an answer without a gRPC status, e.g. of a proxy */
function statusOf({ headers, trailers, message }: Answer): number {
  const type = headers['content-type'];
  const text = trailers[GRPC_HEADERS.status] as string | undefined;
  const isForeign = type === undefined ? text === undefined : !type.startsWith(CONTENT_TYPE);
  if (isForeign) throw httpError(headers);
  // A message that cannot be read ends the answer before its status.
  if (text === undefined && typeof message === 'string') return GRPC_OK;
  if (text === undefined) throw headers[':status'] === 200 ? malformed('without a gRPC status') : httpError(headers);
  if (text === '0' && !isGrpcProto(type)) throw malformed('in another coding than Protocol Buffers');
  return /^\d{1,3}$/.test(text) ? Number(text) : UNKNOWN;
}

const UNKNOWN = 2;

/** Its header Retry-After counts as for HTTP. */
function httpError(headers: AnswerHeaders): RpcError {
  const status = headers[':status'] ?? 0;
  const retryAfterMs = parseRetryAfter({ retryAfter: headers['retry-after'], date: headers.date });
  const pause = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new RpcError(codeOfHttpStatusWithoutGrpc(status), `The peer answered HTTP ${status}`, pause);
}

function errorOf(status: number, { trailers }: Answer, { details }: ResultReader): RpcError {
  const trailer = (name: string): string | undefined => trailers[name] as string | undefined;
  const bytes = trailer(GRPC_HEADERS.details);
  const text = decodeMessage(trailer(GRPC_HEADERS.message) ?? '');
  return decodeStatus(status, text, bytes === undefined ? undefined : decodeBinary(bytes), details);
}

function inflate({ bytes }: ReceivedMessage, encoding: unknown, bytesMax: number): Promise<Uint8Array> {
  if (encoding !== 'gzip') throw malformed('a message that is compressed in another way than gzip');
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: bytesMax }, (error, inflated) => {
      if (!error) resolve(inflated);
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') reject(answerTooLarge());
      else reject(malformed('a message that is no gzip'));
    });
  });
}

/** The peer serves the method in another way (statuscodes.md of grpc, "response cardinality violation"). */
function wrongCount(what: string): RpcError {
  return new RpcError('unimplemented', `The peer answered ${what}`);
}

function malformed(what: string): RpcError {
  return new RpcError('internal', `The peer answered ${what}`);
}
