import type { IncomingMessage } from 'node:http';
import { RpcError } from '../../rpc-error.ts';
import { parseJson, type Spelled } from '../../schema/json.ts';
import { surveyJson } from '../../schema/json-survey.ts';
import type { HttpLimits } from './limits.ts';

/** A refusal that HTTP has a status of its own for. */
export class HttpRefusal extends RpcError {
  readonly status: number;

  constructor(status: number, message: string) {
    super('invalid_request', message);
    this.status = status;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The request's body as text, refused as early as can be: by its headers before a byte is read, by its size while reading.
 * @throws {RpcError} invalid_request (413, 415), unimplemented, parse_error (not UTF-8) or cancelled (the caller went away)
 */
export async function readBody(request: IncomingMessage, limits: HttpLimits): Promise<string> {
  refuseByHeaders(request, limits);
  const bytes = await readBytes(request, limits);
  try {
    return utf8.decode(bytes);
  } catch (error) {
    throw new RpcError('parse_error', 'Parse error: the body is not UTF-8', { cause: error });
  }
}

/** By events, because a stream's iterator costs as much as all the rest of a small call. */
function readBytes(request: IncomingMessage, limits: HttpLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let whole: Buffer = NO_BYTES;
    let length = 0;
    let pieces = 0;
    const onData = (chunk: Buffer): void => {
      const before = length;
      length += chunk.length;
      pieces += 1;
      const refused = refusalOfPieces(length, pieces, limits);
      if (refused) {
        request.off('data', onData).pause();
        reject(refused);
      } else if (before === 0) whole = chunk;
      else {
        if (length > whole.length) whole = grown(whole.subarray(0, before), length);
        chunk.copy(whole, before);
      }
    };
    request.on('data', onData);
    request.once('end', () => resolve(whole.subarray(0, length)));
    // Comes after the end as well, when it changes nothing any more.
    request.once('close', () => {
      if (!request.complete) reject(new RpcError('cancelled', 'The caller went away before it had sent the body'));
    });
  });
}

/** A body that arrives byte by byte is fine as long as it is short. */
const SMALL_PIECES_MAX = 1_000;
/**
 * A piece costs a microsecond or two whatever its size, and chunks of one byte make a million of them. Networks deliver at least
 * 500 bytes at a time of what was sent as a whole.
 */
const PIECE_BYTES_MIN = 256;

function refusalOfPieces(length: number, pieces: number, limits: HttpLimits): HttpRefusal | undefined {
  if (length > limits.bodyBytesMax) return tooLarge(limits);
  if (pieces <= SMALL_PIECES_MAX + length / PIECE_BYTES_MIN) return undefined;
  return new HttpRefusal(400, `The body arrives in too many pieces: send at least ${PIECE_BYTES_MIN} bytes at a time`);
}

const NO_BYTES = Buffer.alloc(0);

/** The bytes with room for as many again: a list of the pieces would take a hundred bytes of memory and more for each. */
function grown(bytes: Buffer, length: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * bytes.length));
  bytes.copy(larger);
  return larger;
}

/** Refuses what its headers give away already, e.g. before `100 Continue` is sent. */
export function refuseByHeaders(request: IncomingMessage, limits: HttpLimits): void {
  const type = request.headers['content-type'];
  // The first homework's clients send no type. A browser sends a body without a type for any page, without a preflight.
  if (type === undefined ? isFromBrowser(request) && hasBody(request) : !isJson(type)) {
    throw new HttpRefusal(
      415,
      'Send the body as Content-Type: application/json (curl: -H content-type:application/json)',
    );
  }
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw new HttpRefusal(415, 'Send the body without Content-Encoding');
  }
  // RFC 9112, section 6.1: node:http undoes chunked and would hand on the rest, e.g. gzip, as if it were the body.
  const transferEncoding = request.headers['transfer-encoding']?.toLowerCase();
  if (transferEncoding !== undefined && transferEncoding !== 'chunked') {
    throw new RpcError('unimplemented', 'Send the body without a Transfer-Encoding other than chunked');
  }
  if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytesMax) throw tooLarge(limits);
}

/** Browsers mark all requests that pages make, and no page can leave the marks out. */
export function isFromBrowser({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function isJson(contentType: string): boolean {
  if (contentType === 'application/json') return true;
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('charset='));
  const known = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  return known && ['application/json', 'application/json-rpc', 'application/jsonrequest'].includes(type.trim());
}

function tooLarge(limits: HttpLimits): HttpRefusal {
  return new HttpRefusal(413, `The body is larger than ${limits.bodyBytesMax} bytes`);
}

/**
 * The value behind JSON text.
 * @throws {RpcError} parse_error, or invalid_request when it is beyond a limit
 */
export function parseBody(text: string, limits: HttpLimits, isSpelled?: Spelled): unknown {
  const survey = surveyJson(text);
  if (survey.depth > limits.nestingDepthMax) {
    throw new RpcError('invalid_request', `Arrays and objects nest deeper than ${limits.nestingDepthMax}`);
  }
  if (survey.wideNumbers.length / 2 > limits.wideNumbersMax) {
    const message = `The body holds more than ${limits.wideNumbersMax} numbers of more than 15 digits or with an exponent`;
    throw new RpcError('invalid_request', message);
  }
  if (survey.values > limits.valuesMax) {
    throw new RpcError('invalid_request', `The body holds more than ${limits.valuesMax} values`);
  }
  try {
    return parseJson(text, survey, isSpelled);
  } catch (error) {
    throw new RpcError('parse_error', 'Parse error: the body is not JSON', { cause: error });
  }
}
