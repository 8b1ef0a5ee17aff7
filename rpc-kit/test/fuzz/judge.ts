import { parseJson } from 'rpc-kit';
import { codeOfJsonRpcNumber, isCode } from '../../src/code.ts';
import { isRecord } from '../../src/http/wire-error.ts';
import type { Delivered } from './deliver.ts';
import type { Shot } from './shot.ts';

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Undefined where the answer has none: 204, or to HEAD. */
  readonly body: string | undefined;
}

/**
 * The answers to one shot, each judged.
 * @returns their statuses
 * @throws {Error} with what is wrong about one of them
 */
export function judge({ bytes, cut, left, held }: Delivered, { parts, requests, intact }: Shot): number[] {
  if (held) throw new Error('The connection was held open');
  // The answer to HEAD has the Content-Length of a body that is not sent.
  const answers = readAnswers(bytes, cut, Buffer.concat(parts).includes('HEAD'));
  for (const answer of answers) judgeAnswer(answer);
  const statuses = answers.map(({ status }) => status);
  const isGood = (status: number): boolean => status < 300 || GOOD_REFUSALS.has(status);
  if (intact && !left && (statuses.length !== requests || !statuses.every(isGood))) {
    throw new Error(`${requests} good requests were answered by ${statuses.join() || 'nothing'}`);
  }
  return statuses;
}

/** Nothing at `/`, goods that are not there, too many calls at a time, and the method `never`. */
const GOOD_REFUSALS = new Set([404, 412, 503, 504]);

function readAnswers(bytes: Buffer, cut: boolean, mayBeHead: boolean): Answer[] {
  const answers: Answer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const headEnd = bytes.indexOf('\r\n\r\n', at);
    if (headEnd < 0 && cut) break;
    const [statusLine = '', ...lines] = bytes.toString('latin1', at, Math.max(at, headEnd)).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    if (!status) throw new Error(`This is no answer: ${bytes.toString('latin1', at, at + 200)}`);
    at = headEnd + 4;
    if (status < 200) continue;
    const headers = new Map(
      lines.map((line) => [line.split(':', 1)[0]?.toLowerCase() ?? '', line.replace(/^[^:]*: */, '')]),
    );
    // node:http's own, to `Expect: something`: it has a body of no chunks.
    const empty =
      headers.get('transfer-encoding') === 'chunked' && bytes.toString('latin1', at, at + 5) === '0\r\n\r\n';
    if (empty) at += 5;
    const length = Number(headers.get('content-length') ?? 0);
    const bare =
      status === 204 || (mayBeHead && (at === bytes.length || bytes.toString('latin1', at, at + 9) === 'HTTP/1.1 '));
    if (!bare && at + length > bytes.length && cut) break;
    if (!bare && at + length > bytes.length) throw new Error('The answer is shorter than it says');
    answers.push({ status, headers, body: bare ? undefined : bytes.toString('utf8', at, at + length) });
    if (!bare) at += length;
  }
  return answers;
}

/** The documented codes of 5xx answers. Any other is a fault. */
const PROVOKED: Readonly<Record<number, string>> = {
  501: 'unimplemented', // A Transfer-Encoding other than chunked.
  503: 'unavailable', // More calls at a time than the service takes.
  504: 'deadline_exceeded', // A deadline of few milliseconds, and the method `never`.
};

function judgeAnswer({ status, headers, body }: Answer): void {
  if (!headers.get('x-request-id')) throw new Error(`${status} without a request id`);
  if (body === undefined) {
    if (status >= 500 && !PROVOKED[status]) throw new Error(`${status} to HEAD`);
    return;
  }
  if (headers.get('content-type') !== 'application/json') {
    if (status !== 200 && status !== 302) throw new Error(`${status} that is not JSON`);
    return;
  }
  const value = parseJson(body);
  judgeEnvelopes(value);
  if (status === 200) return;
  const error = isRecord(value) && isRecord(value.error) ? value.error : {};
  const code = isRecord(error.data) ? error.data.code : error.code;
  if (!isCode(code)) throw new Error(`${status} without a code: ${body}`);
  if (!isRecord(error.data)) judgeFacts(error, error);
  if (status >= 500 && PROVOKED[status] !== code) throw new Error(`${status}: ${body}`);
  if (status === 503 && !headers.has('retry-after')) throw new Error('503 without Retry-After');
}

/** Results on the plain face may be of any shape, an empty list excepted; of a batch, all answers are envelopes. */
function judgeEnvelopes(value: unknown): void {
  const answers = Array.isArray(value) ? value : [value];
  const envelopes = answers.filter((answer) => isRecord(answer) && answer.jsonrpc === '2.0');
  if (answers.length === 0) throw new Error('A list without answers');
  if (envelopes.length > 0 && envelopes.length < answers.length) throw new Error('An answer in a batch is no envelope');
  for (const envelope of envelopes) judgeEnvelope(envelope);
}

/** JSON-RPC 2.0, section 5: a result or an error, never both, and an id. */
function judgeEnvelope(answer: Record<string, unknown>): void {
  const members = Object.keys(answer).toSorted().join();
  if (members === 'id,jsonrpc,result') return;
  if (members !== 'error,id,jsonrpc') throw new Error(`An answer of ${members}`);
  const { error } = answer;
  if (!isRecord(error) || !isRecord(error.data)) throw new Error(`An error without data: ${JSON.stringify(error)}`);
  if (codeOfJsonRpcNumber(error.code as number) !== error.data.code) throw new Error('Number and code differ');
  judgeFacts(error, error.data);
}

function judgeFacts(error: Record<string, unknown>, facts: Record<string, unknown>): void {
  const { code, requestId } = facts;
  if (typeof error.message !== 'string' || error.message === '') throw new Error('An error without a message');
  if (typeof requestId !== 'string' || requestId === '') throw new Error('An error without a request id');
  // Inside an envelope a fault of the server goes under HTTP 200.
  if (code === 'internal' || code === 'cancelled') throw new Error(`A fault of the server: ${JSON.stringify(error)}`);
}
