import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { frameMessage } from '../../src/grpc/framing.ts';

/**
 * A peer that speaks HTTP/2 frame by frame, so that it can do what no library lets a server do. It reads no headers: a call is a stream
 * whose request has ended.
 */
export interface RawPeer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** What calls meet from now on. */
  behave(behaviour: Behaviour): void;
  /** What new connections meet after the SETTINGS. */
  onConnection(greet: (connection: RawConnection) => void): void;
  /** Connections in the order in which they were opened. */
  readonly connections: readonly RawConnection[];
  /** Frames that arrived, as `<type> <stream>`. */
  readonly frames: readonly string[];
  /** Connections that are open now. */
  readonly open: number;
}

export type Behaviour = (call: RawCall) => unknown;

export interface RawCall {
  readonly id: number;
  readonly connection: RawConnection;
  headers(fields: Fields, isLast?: boolean): RawCall;
  data(bytes: Uint8Array, isLast?: boolean): RawCall;
  reset(code: number): RawCall;
}

export interface RawConnection {
  readonly socket: Socket;
  /** Calls whose requests have ended. */
  readonly calls: number;
  goaway(lastStreamId: number, code?: number): void;
  settings(...pairs: readonly [id: number, value: number][]): void;
}

export type Fields = Readonly<Record<string, string>>;

export interface RawPeerOptions {
  readonly port?: number;
  /** SETTINGS_MAX_CONCURRENT_STREAMS. */
  readonly streamsMax?: number;
  /** Sends SETTINGS when a connection opens. */
  readonly greets?: boolean;
  /** Acknowledges PINGs. */
  readonly answersPings?: boolean;
}

export const HEAD: Fields = { ':status': '200', 'content-type': 'application/grpc+proto' };
export const OK: Fields = { 'grpc-status': '0' };

/** A whole answer with one message. */
export function answerWith(message: Uint8Array): Behaviour {
  return (call) => call.headers(HEAD).data(frameMessage(message)).headers(OK, true);
}

/** Types of frames (RFC 9113, section 6), by number. */
const TYPES = ['DATA', 'HEADERS', 'PRIORITY', 'RST_STREAM', 'SETTINGS', 'PUSH', 'PING', 'GOAWAY', 'WINDOW_UPDATE'];
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const PREFACE_BYTES = 24;
const MAX_CONCURRENT_STREAMS = 3;

export async function createRawPeer(options: RawPeerOptions = {}): Promise<RawPeer> {
  let current: Behaviour = () => {};
  let greet = (_connection: RawConnection): void => {};
  const connections: RawConnection[] = [];
  const frames: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('end', () => socket.end());
    socket.on('error', () => {});
    const connection = converse(socket, options, frames, (call) => current(call));
    connections.push(connection);
    greet(connection);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `grpc://127.0.0.1:${port}`,
    port,
    behave(behaviour) {
      current = behaviour;
    },
    onConnection(greeting) {
      greet = greeting;
    },
    connections,
    frames,
    get open() {
      return sockets.size;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function converse(socket: Socket, options: RawPeerOptions, frames: string[], onCall: Behaviour): RawConnection {
  const { streamsMax = 100, greets = true } = options;
  let calls = 0;
  const write = (type: number, flags: number, id: number, payload: Uint8Array): void => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(id, 5);
    if (socket.writable) socket.write(Buffer.concat([head, payload]));
  };
  const connection: RawConnection = {
    socket,
    get calls() {
      return calls;
    },
    goaway: (lastStreamId, code = 0) => write(GOAWAY, 0, 0, words(lastStreamId, code)),
    settings: (...pairs) => write(SETTINGS, 0, 0, Buffer.concat(pairs.map(setting))),
  };
  const callOf = (id: number): RawCall => {
    const call: RawCall = {
      id,
      connection,
      headers(fields, isLast = false) {
        write(HEADERS, END_HEADERS | (isLast ? END_STREAM : 0), id, toBlock(fields));
        return call;
      },
      data(bytes, isLast = false) {
        write(DATA, isLast ? END_STREAM : 0, id, bytes);
        return call;
      },
      reset(code) {
        write(RST_STREAM, 0, id, words(code));
        return call;
      },
    };
    return call;
  };
  if (greets) connection.settings([MAX_CONCURRENT_STREAMS, streamsMax]);
  readFrames(socket, (type, flags, id, payload) => {
    frames.push(`${TYPES[type]} ${id}`);
    if (type === SETTINGS && !(flags & ACK)) write(SETTINGS, ACK, 0, Buffer.alloc(0));
    if (type === PING && !(flags & ACK) && options.answersPings !== false) write(PING, ACK, 0, payload);
    if ((type === DATA || type === HEADERS) && flags & END_STREAM) {
      calls += 1;
      onCall(callOf(id));
    }
  });
  return connection;
}

function readFrames(socket: Socket, onFrame: (type: number, flags: number, id: number, payload: Buffer) => void): void {
  let received: Buffer = Buffer.alloc(0);
  let skipped = 0;
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    if (skipped === 0 && received.length >= PREFACE_BYTES) {
      received = received.subarray(PREFACE_BYTES);
      skipped = PREFACE_BYTES;
    }
    while (skipped > 0 && received.length >= 9 && received.length >= 9 + received.readUIntBE(0, 3)) {
      const end = 9 + received.readUIntBE(0, 3);
      const frame = received.subarray(0, end);
      received = received.subarray(end);
      onFrame(frame[3] as number, frame[4] as number, frame.readUInt32BE(5), frame.subarray(9));
    }
  });
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}

function setting([id, value]: readonly [number, number]): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** HPACK: literal fields that are not indexed, with new names (RFC 7541, section 6.2.2). */
function toBlock(fields: Fields): Buffer {
  const parts = Object.entries(fields).flatMap(([name, value]) => [Buffer.of(0), toLiteral(name), toLiteral(value)]);
  return Buffer.concat(parts);
}

function toLiteral(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  return Buffer.concat([toInteger(bytes.length), bytes]);
}

/** With a prefix of seven bits (RFC 7541, section 5.1). */
function toInteger(value: number): Buffer {
  if (value < 127) return Buffer.of(value);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}
