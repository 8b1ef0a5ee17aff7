import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { stringifyJson } from '../json.ts';
import { createRequestId } from '../request-id.ts';
import { HttpRefusal } from './body.ts';
import type { HttpLimits } from './limits.ts';
import { METADATA_HEADERS } from './metadata.ts';
import { plainRefusal } from './plain-face.ts';

type MalformedError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/**
 * Answers what node:http could not make a request of, or not in time, in the form of every other refusal; by itself
 * node:http sends a bare status line. Nothing may be written between or into other answers of the connection.
 *
 * @param unanswered the responses that the connection still owes
 */
export function refuseMalformed(
  error: MalformedError,
  socket: Duplex,
  unanswered: Iterable<ServerResponse>,
  limits: HttpLimits,
): void {
  const [response, ...others] = unanswered;
  const owesAnother = response !== undefined && (others.length > 0 || !isWaitingForBody(response));
  if (!socket.writable || owesAnother) {
    socket.destroy();
    return;
  }
  const requestId = createRequestId();
  const { status, body } = plainRefusal(toRefusal(error, limits), requestId);
  const text = stringifyJson(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    `${METADATA_HEADERS.requestId}: ${requestId}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  const sentText = isHead(error, response) ? '' : text;
  socket.end(`${head.join('\r\n')}\r\n\r\n${sentText}`, () => socket.destroy());
}

/** Whether something was wrong with what came; else the connection broke, which is no mistake of HTTP. */
export function isMalformed({ code = '' }: NodeJS.ErrnoException): boolean {
  return code.startsWith('HPE_') || code.startsWith('ERR_HTTP_');
}

/** RFC 9110, section 9.3.2: the answer to HEAD has no body. What node:http could not parse shows its verb in its first bytes only. */
function isHead({ rawPacket }: MalformedError, response: ServerResponse | undefined): boolean {
  return response ? response.req.method === 'HEAD' : rawPacket?.subarray(0, 5).toString('latin1') === 'HEAD ';
}

/** The broken bytes are this request's own. */
function isWaitingForBody(response: ServerResponse): boolean {
  return !response.headersSent && !response.req.complete;
}

function toRefusal(error: NodeJS.ErrnoException, limits: HttpLimits): HttpRefusal {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpRefusal(408, 'The request took too long to arrive');
    case 'HPE_HEADER_OVERFLOW':
      return new HttpRefusal(431, `The address and the headers are larger than ${limits.headerBytesMax} bytes`);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpRefusal(413, 'The chunk extensions are too large');
    default:
      return new HttpRefusal(400, 'This is not a well-formed HTTP/1.1 request');
  }
}
