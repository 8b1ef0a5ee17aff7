import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RpcError } from '../../rpc-error.ts';
import { stringifyJson } from '../../schema/json.ts';
import { createRequestId } from '../../telemetry/request-id.ts';
import { METADATA_HEADERS } from '../sent-metadata.ts';
import { HttpRefusal } from './body.ts';
import type { HttpLimits } from './limits.ts';
import type { Connection, PendingAnswer } from './pending-answer.ts';
import { plainRefusal } from './plain-face.ts';

type MalformedError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/**
 * Refuses bytes that are no request, and late requests, in the form of every other refusal; node:http alone sends a bare status
 * line. The answers to complete requests before it are sent first, then the connection is closed.
 */
export async function refuseConnection(
  error: MalformedError,
  socket: Duplex,
  connection: Connection,
  refusal: RpcError,
): Promise<void> {
  connection.isRefused = true;
  // node:http closes the connection when the sender closes its half, which would lose the answers that are due.
  socket.removeAllListeners('end');
  const broken = unfinishedRequest(connection);
  const isAnswerToHead = isHead(error, connection, broken);
  // A broken request that has not started is the last of these.
  const start = broken && connection.pipelined.pop();
  start?.();
  // Its headers may be refused, which says more than this refusal and is sent in the next turn. The rest of a late request may
  // arrive until then.
  if (start || (broken && !isTimeout(error))) await nextTurn();
  broken?.cancel(new RpcError('cancelled', 'The request did not arrive as a whole'));
  const whole = connection.unanswered.filter((pending) => pending !== broken);
  await Promise.all(whole.map(({ response }) => new Promise<void>((resolve) => response.once('close', resolve))));
  // The sender has left, or an earlier answer carried `connection: close`.
  if (!socket.writable) return;
  // A request that was refused by its headers is already answered.
  const text = broken?.response.headersSent ? '' : toRefusalText(refusal, isAnswerToHead);
  socket.end(text, () => socket.destroy());
}

/** The answer to the request whose headers are complete and whose body is not: always the last one. */
export function unfinishedRequest({ unanswered }: Connection): PendingAnswer | undefined {
  return unanswered.find(({ response }) => !response.req.complete);
}

/** Whether the bytes were malformed or late; any other error means that the connection broke. */
export function isMalformed({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('HPE_') || code.startsWith('ERR_HTTP_');
}

/** RFC 9110, section 9.3.2: the answer to HEAD has no body. The verb of a malformed request is in its first bytes. */
function isHead({ rawPacket }: MalformedError, { unanswered }: Connection, broken: PendingAnswer | undefined): boolean {
  if (broken) return broken.response.req.method === 'HEAD';
  // After another request in the same packet, the first bytes belong to that one.
  return unanswered.length === 0 && rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD ';
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

/** A whole answer that closes its connection, for bytes that node:http does not answer. */
export function toRefusalText(refusal: RpcError, isAnswerToHead = false): string {
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
