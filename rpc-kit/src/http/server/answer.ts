import type { IncomingMessage } from 'node:http';
import { RpcError } from '../../rpc-error.ts';
import { stringifyJson } from '../../schema/json.ts';
import { refuseByHeaders } from './body.ts';
import type { CarriedResponse, MountedRequest, RequestHead } from './carried.ts';
import type { HttpLimits } from './limits.ts';
import type { HttpAnswer, TextAnswer } from './plain-face.ts';

interface AnswerOptions {
  readonly limits: HttpLimits;
  /** Whether the connection is to be closed with this answer. */
  readonly closing: () => boolean;
}

/** The method returned more than `answerBytesMax`: it lacks a limit on its result. */
export class AnswerTooLarge extends RpcError {
  constructor(bytesMax: number) {
    super('internal', `The answer would be larger than ${bytesMax} bytes`);
  }
}

/**
 * Writes an answer, or the rest of one that was sent in parts. Also answers requests whose body was refused before it was read.
 * @param onFinish called when the last byte is sent, or with the error that prevented it
 * @throws {AnswerTooLarge} before anything is written
 */
export function writeAnswer(
  request: IncomingMessage | MountedRequest,
  response: CarriedResponse,
  answer: HttpAnswer | TextAnswer,
  answerHeaders: ReadonlyMap<string, string>,
  { limits, closing }: AnswerOptions,
  onFinish?: (error?: Error | null) => void,
): void {
  if (response.destroyed) return;
  const text = toText(answer);
  if (response.headersSent) {
    endParts(request, response, text, closing(), onFinish);
    return;
  }
  const length = Buffer.byteLength(text);
  if (length > limits.answerBytesMax && !('text' in answer)) throw new AnswerTooLarge(limits.answerBytesMax);
  const headers = toHeaders(request, answer, answerHeaders, length);
  // A sender whose `Expect: 100-continue` was not answered sends no body.
  const nothingToCome = request.complete || (request.headers.expect && isRefusedByHeaders(request, limits));
  // Checked as late as possible: a drain may have begun while the call was in flight.
  if (closing() || !nothingToCome) headers.push('connection', 'close');
  response.writeHead(answer.status, headers);
  if (nothingToCome) {
    // Text with as many bytes as characters is ASCII, and latin1 is cheaper to write.
    const encoding = length === text.length ? 'latin1' : 'utf8';
    response.end(request.method === 'HEAD' ? '' : text, encoding, onFinish);
    return;
  }
  // The body was refused before it was read. Closing now would reset the connection and lose the answer, so the answer is sent
  // and a bounded part of the body is read and discarded.
  response.write(text);
  const discarded = 'discardBody' in request ? request.discardBody(limits) : discardBody(request, limits);
  void discarded.then(() => response.end('', 'utf8', onFinish));
}

/** Names and values alternate, which node:http writes fastest. Headers of the answer itself replace those of the request. */
function toHeaders(
  { method }: RequestHead,
  answer: HttpAnswer | TextAnswer,
  answerHeaders: ReadonlyMap<string, string>,
  length: number,
): string[] {
  if (method === 'POST' && answer.headers === undefined && answer.status !== 204) {
    const list: string[] = [];
    for (const [name, value] of answerHeaders) list.push(name, value);
    list.push('content-type', 'application/json', 'content-length', String(length));
    return list;
  }
  const headers: Record<string, string> = { ...Object.fromEntries(answerHeaders), ...answer.headers };
  // RFC 9111, section 4.2.2: without it, a cache may store any answer, e.g. an order's status or a 404.
  if (method === 'GET' || method === 'HEAD') headers['cache-control'] ??= 'no-store';
  if (answer.status !== 204) {
    headers['content-type'] ??= 'application/json';
    headers['content-length'] = String(length);
  }
  return Object.entries(headers).flat();
}

/** Writes the first or a further part of an answer with status 200. */
export function writePart(
  response: CarriedResponse,
  text: string,
  answerHeaders: ReadonlyMap<string, string>,
  { closing }: AnswerOptions,
): void {
  if (response.destroyed) return;
  if (!response.headersSent) {
    const headers = { ...Object.fromEntries(answerHeaders), 'content-type': 'application/json' };
    response.writeHead(200, closing() ? { ...headers, connection: 'close' } : headers);
  }
  response.write(text);
}

/** A drain that began after the headers were sent closes the connection without `connection: close`. */
export function endParts(
  { socket }: RequestHead,
  response: CarriedResponse,
  text: string,
  isClosing: boolean,
  onFinish: ((error?: Error | null) => void) | undefined,
): void {
  response.end(text, 'utf8', (error?: Error | null) => {
    if (isClosing) socket.destroySoon();
    onFinish?.(error);
  });
}

/** Whether the request's headers alone are enough to refuse it. */
export function isRefusedByHeaders(request: RequestHead, limits: HttpLimits): boolean {
  try {
    refuseByHeaders(request, limits);
    return false;
  } catch {
    return true;
  }
}

function toText(answer: HttpAnswer | TextAnswer): string {
  if ('text' in answer) return answer.text;
  return answer.body === undefined ? '' : stringifyJson(answer.body);
}

/** A small chunk costs as much time as a large one, so it counts as this many bytes. */
const DISCARDED_CHUNK_BYTES_MIN = 2_048;

/** Reads on until the body has ended, takes too long, or is beyond the limit; then the connection is closed. */
export async function discardBody(request: IncomingMessage, limits: HttpLimits): Promise<void> {
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), limits.requestTimeoutMs);
  const done = new Promise<void>((resolve) => {
    request.once('close', resolve);
    request.once('end', resolve);
    request.on('data', (chunk: Buffer) => {
      bytes += Math.max(chunk.length, DISCARDED_CHUNK_BYTES_MIN);
      if (bytes > limits.discardBytesMax) request.destroy();
    });
  });
  request.resume();
  await done;
  clearTimeout(timer);
}
