import { Agent, type IncomingHttpHeaders, request as openRequest } from 'node:http';

export interface Request {
  readonly verb: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Off: the request has no Host header. Default: on. */
  readonly setHost?: boolean;
  readonly body?: string | Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A limit against hanging: no call of a contract takes as long. */
const ANSWER_TIMEOUT_MS = 60_000;

/** One connection for all requests, by node:http, since fetch sends no GET with a body. */
export function createExchange(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    send: ({ verb, path, headers = {}, setHost = true, body = '' }: Request): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const length = Buffer.byteLength(body);
        const own = length > 0 ? { 'content-length': length, 'content-type': 'application/json' } : {};
        const options = { agent, method: verb, headers: { ...own, ...headers }, setHost, timeout: ANSWER_TIMEOUT_MS };
        const sent = openRequest(new URL(path, url), options, (answer) => {
          const chunks: Buffer[] = [];
          const { statusCode: status = 0, headers: given } = answer;
          const end = () => resolve({ status, headers: given, text: Buffer.concat(chunks).toString() });
          answer.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            // A stream is judged by its first events, since it may be open for long.
            if (!given['content-type']?.startsWith('text/event-stream') || !chunk.toString().endsWith('\n\n')) return;
            end();
            answer.destroy();
          });
          answer.once('error', reject);
          answer.once('end', end);
        });
        sent.once('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`)));
        sent.once('error', reject);
        sent.end(body);
      }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

export type Exchange = ReturnType<typeof createExchange>;
