import { connect, type Socket } from 'node:net';

/** An HTTP answer as it came over the wire. */
export interface RawAnswer {
  readonly status: number;
  /** By name in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** How the connection ended, when not in good order. */
  readonly error?: string | undefined;
}

/**
 * Sends bytes as they are and reads until the server closes the connection. HTTP clients mend too much by themselves:
 * this one mends nothing. The request must ask for `Connection: close` or be so wrong that the server closes anyway.
 * @param to a port, or a connection
 */
export async function sendRaw(to: number | Socket, ...parts: readonly (string | Buffer)[]): Promise<RawAnswer> {
  const socket = typeof to === 'number' ? connect(to, '127.0.0.1') : to;
  const chunks: Buffer[] = [];
  let error: string | undefined;
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', (failure: NodeJS.ErrnoException) => {
    error = failure.code;
  });
  for (const part of parts) socket.write(part);
  await new Promise((resolve) => socket.once('close', resolve));
  return { ...parseAnswer(Buffer.concat(chunks)), error };
}

/** No answer at all has the status 0. */
function parseAnswer(bytes: Buffer): RawAnswer {
  const text = bytes.toString('utf8');
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return { status: 0, headers: {}, body: text };
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const headers = lines.map((line) => line.split(': ', 2) as [string, string]);
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value])),
    body: text.slice(headEnd + 4),
  };
}

export interface RawRequest {
  readonly verb?: string;
  readonly path: string;
  /** Header lines beside Host, Connection and Content-Length. */
  readonly headers?: readonly string[];
  readonly body?: string | Buffer;
}

/** A well-formed request around a body that need not be. */
export function requestBytes({ verb = 'POST', path, headers = [], body = '' }: RawRequest): Buffer {
  const bytes = Buffer.from(body);
  const lines = [
    `${verb} ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Connection: close',
    `Content-Length: ${bytes.length}`,
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
}
