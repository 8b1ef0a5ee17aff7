import type { IncomingMessage } from 'node:http';
import { RpcError } from '../../rpc-error.ts';
import { parseSurveyedJson, type Spelled } from '../../schema/json.ts';
import { surveyJson } from '../../schema/json-survey.ts';
import { GatheredBytes, PIECE_BYTES_MIN } from '../gathered-bytes.ts';
import type { RequestHead } from './carried.ts';
import type { HttpLimits } from './limits.ts';

/** A refusal with its own HTTP status. */
export class HttpRefusal extends RpcError {
  readonly status: number;

  constructor(status: number, message: string) {
    super('invalid_request', message);
    this.status = status;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A body while it arrives. */
export class IncomingBody {
  readonly #bytes = new GatheredBytes();
  readonly #limits: HttpLimits;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** @throws {HttpRefusal} as soon as the body is beyond a limit */
  add(part: Buffer): void {
    this.#bytes.add(part);
    if (this.#bytes.length > this.#limits.bodyBytesMax) throw tooLarge(this.#limits);
    if (!this.#bytes.isShredded) return;
    const message = `The body arrives in too many pieces: send at least ${PIECE_BYTES_MIN} bytes at a time`;
    throw new HttpRefusal(400, message);
  }

  /** @throws {RpcError} parse_error when the body is not UTF-8 */
  toText(): string {
    try {
      return utf8.decode(this.#bytes.bytes());
    } catch (error) {
      throw new RpcError('parse_error', 'Parse error: the body is not UTF-8', { cause: error });
    }
  }
}

/**
 * The request's body as text. It is refused as early as possible: by its headers before it is read, by its size while it is read.
 * @throws {RpcError} invalid_request (413, 415), unimplemented, parse_error (not UTF-8) or cancelled (the caller left)
 */
export async function readBody(request: IncomingMessage, limits: HttpLimits): Promise<string> {
  refuseByHeaders(request, limits);
  const body = new IncomingBody(limits);
  await new Promise<void>((resolve, reject) => {
    const onData = (part: Buffer): void => {
      try {
        body.add(part);
      } catch (error) {
        request.off('data', onData).pause();
        reject(error);
      }
    };
    // By events, because a stream's iterator costs as much as the rest of a small call.
    request.on('data', onData);
    request.once('end', resolve);
    // Also emitted after the end, when the promise is already settled.
    request.once('close', () => {
      if (!request.complete) reject(new RpcError('cancelled', 'The caller went away before it had sent the body'));
    });
  });
  return body.toText();
}

/** Refuses a request by its headers alone, e.g. before `100 Continue` is sent. */
export function refuseByHeaders(request: RequestHead, limits: HttpLimits): void {
  const type = request.headers['content-type'];
  // Old clients send no type. From a browser, a body without a type may come from any web page, without a preflight.
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
  // RFC 9112, section 6.1: node:http decodes chunked only and would pass on other codings, e.g. gzip, as the body.
  const transferEncoding = request.headers['transfer-encoding']?.toLowerCase();
  if (transferEncoding !== undefined && transferEncoding !== 'chunked') {
    throw new RpcError('unimplemented', 'Send the body without a Transfer-Encoding other than chunked');
  }
  if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytesMax) throw tooLarge(limits);
}

/** Browsers send these headers with all requests of pages, and no page can remove them. */
export function isFromBrowser({ headers }: RequestHead): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

function hasBody({ headers }: RequestHead): boolean {
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
 * Parses JSON text within the limits.
 * @throws {RpcError} parse_error, or invalid_request beyond a limit
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
    return parseSurveyedJson(text, survey, isSpelled);
  } catch (error) {
    throw new RpcError('parse_error', 'Parse error: the body is not JSON', { cause: error });
  }
}
