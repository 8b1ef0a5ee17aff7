import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Canceller } from '../../deadline.ts';
import { RpcError } from '../../rpc-error.ts';
import { stringifyJson } from '../../schema/json.ts';
import { createRequestId } from '../../telemetry/request-id.ts';
import { METADATA_HEADERS } from '../metadata.ts';
import { HttpRefusal } from './body.ts';
import type { HttpLimits } from './limits.ts';
import { plainRefusal } from './plain-face.ts';

type MalformedError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/** What the server knows of one connection. */
export interface Connection {
  /** The responses that it is still owed, in order, each with what ends the work for it. */
  readonly unanswered: Map<ServerResponse, Canceller>;
  /** Its last answer is the refusal. A request that arrives whole after all is not executed, because its sender sends it again. */
  isRefused: boolean;
}

/**
 * Answers what node:http could not make a request of, or not in time, in the form of every other refusal; by itself
 * node:http sends a bare status line. The answers to the whole requests before it come first, then the connection is closed.
 */
export async function refuseConnection(
  error: MalformedError,
  socket: Duplex,
  connection: Connection,
  refusal: RpcError,
): Promise<void> {
  connection.isRefused = true;
  // node:http ends the connection when its sender does, and the answers that are due would be lost.
  socket.removeAllListeners('end');
  const { unanswered } = connection;
  const broken = unfinishedRequest(connection);
  const isAnswerToHead = isHead(error, connection, broken);
  if (broken) unanswered.get(broken)?.cancel(new RpcError('cancelled', 'The request did not arrive as a whole'));
  const whole = [...unanswered.keys()].filter((response) => response !== broken);
  await Promise.all(whole.map((response) => new Promise<void>((resolve) => response.once('close', resolve))));
  // The sender has left, or an answer said that it was the last one.
  if (!socket.writable) return;
  // A request that was refused by its headers has its answer.
  const text = broken?.headersSent ? '' : toAnswerText(refusal, isAnswerToHead);
  socket.end(text, () => socket.destroy());
}

/** The response to the request whose headers have arrived and whose body has not; it is always the last one. */
export function unfinishedRequest({ unanswered }: Connection): ServerResponse | undefined {
  return [...unanswered.keys()].find(({ req }) => !req.complete);
}

/** Whether something was wrong with what came; else the connection broke, which is no mistake of HTTP. */
export function isMalformed({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('HPE_') || code.startsWith('ERR_HTTP_');
}

/** RFC 9110, section 9.3.2: the answer to HEAD has no body. What node:http could not parse shows its verb in its first bytes only. */
function isHead(
  { rawPacket }: MalformedError,
  { unanswered }: Connection,
  broken: ServerResponse | undefined,
): boolean {
  if (broken) return broken.req.method === 'HEAD';
  // Behind another request in the same packet, the first bytes are that one's.
  return unanswered.size === 0 && rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD ';
}

export function isTimeout({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

export function toRefusal(error: NodeJS.ErrnoException, limits: HttpLimits): HttpRefusal {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpRefusal(431, `The address and the headers are larger than ${limits.headerBytesMax} bytes`);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpRefusal(413, 'The chunk extensions are too large');
    default:
      return new HttpRefusal(400, 'This is not a well-formed HTTP/1.1 request');
  }
}

function toAnswerText(refusal: RpcError, isAnswerToHead: boolean): string {
  const requestId = createRequestId();
  const { status, headers, body } = plainRefusal(refusal, requestId);
  const text = stringifyJson(body);
  const fields = {
    connection: 'close',
    [METADATA_HEADERS.requestId]: requestId,
    ...headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return `${[`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join('\r\n')}\r\n\r\n${isAnswerToHead ? '' : text}`;
}
