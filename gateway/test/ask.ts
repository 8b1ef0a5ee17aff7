import { type IncomingHttpHeaders, request } from 'node:http';

export interface Asked {
  readonly method?: string;
  /** The access token. */
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** JSON, or text as it is. */
  readonly body?: unknown;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read any member.
  readonly body: any;
}

/** Sends the path as it is: fetch would normalize it, and refuses some headers. */
export function ask(
  url: string,
  path: string,
  { method = 'GET', as, headers = {}, body }: Asked = {},
): Promise<Answered> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({
      hostname,
      port,
      path,
      method,
      agent: false,
      headers: {
        ...(as !== undefined && { authorization: `Bearer ${as}` }),
        ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...headers,
      },
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const answer = Buffer.concat(chunks).toString();
        const isJson = /json/.test(response.headers['content-type'] ?? '') && answer !== '';
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: answer,
          body: isJson ? JSON.parse(answer) : undefined,
        });
      });
    });
    sent.end(text);
  });
}
