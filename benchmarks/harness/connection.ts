import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * One keep-alive connection that sends prepared bytes and parses as little of an answer as possible. A real HTTP client
 * costs more CPU time than the servers here, so it would hide the differences between them.
 */
export interface Connection extends Disposable {
  /** False once the server has closed it, for example because it was idle. */
  readonly isOpen: boolean;
  exchange(request: Buffer): Promise<Answer>;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = '\r\n';
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;

/** Opens the connections, and closes them when the work has ended. */
export async function withConnections<T>(
  port: number,
  count: number,
  work: (connections: readonly Connection[]) => Promise<T>,
): Promise<T> {
  using stack = new DisposableStack();
  const opened = await Promise.all(Array.from({ length: count }, () => openConnection(port)));
  return await work(opened.map((connection) => stack.use(connection)));
}

/** A POST with the headers that a client of rpc-kit sends. */
export function toRequest(port: number, path: string, body: string): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    'connection: keep-alive',
    'content-type: application/json',
    'user-agent: benchmark/1.0.0',
    `x-request-id: ${randomUUID()}`,
    'x-deadline-ms: 2000',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

export async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  return new HttpConnection(socket);
}

class HttpConnection implements Connection {
  readonly #socket: Socket;
  #received: Buffer | undefined;
  #waiting: PromiseWithResolvers<Answer> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')));
  }

  get isOpen(): boolean {
    return this.#socket.writable;
  }

  async exchange(request: Buffer): Promise<Answer> {
    // A closed socket emits nothing more, so its answer would be awaited for ever.
    if (!this.isOpen) throw new Error('the server closed the connection');
    this.#waiting = Promise.withResolvers();
    this.#socket.write(request);
    return this.#waiting.promise;
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    const answer = parseAnswer(this.#received);
    if (!answer) return;
    this.#received = undefined;
    this.#waiting?.resolve(answer);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** @returns `undefined` while the answer is not complete */
function parseAnswer(received: Buffer): Answer | undefined {
  const headEnd = received.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = received.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const rest = received.subarray(headEnd + HEAD_END.length);
  // RFC 9110, section 15.3.5: it has neither a body nor a length.
  if (status === 204) return { status, body: rest };
  const length = CONTENT_LENGTH.exec(head);
  if (length) return rest.length >= Number(length[1]) ? { status, body: rest } : undefined;
  if (!CHUNKED.test(head)) throw new Error('the answer has neither content-length nor chunked transfer-encoding');
  return rest.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK) ? { status, body: joinChunks(rest) } : undefined;
}

function joinChunks(rest: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const sizeEnd = rest.indexOf(LINE_END, at);
    const size = Number.parseInt(rest.toString('latin1', at, sizeEnd), 16);
    if (!(size > 0)) return Buffer.concat(chunks);
    const from = sizeEnd + LINE_END.length;
    chunks.push(rest.subarray(from, from + size));
    at = from + size + LINE_END.length;
  }
}
