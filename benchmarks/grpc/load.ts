import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { answerTo } from '../harness/child.ts';
import { closedLoop, type Timing } from '../harness/closed-loop.ts';
import type { MethodName } from '../rpc-kit/work.ts';
import { encode, PLAIN } from './contract.ts';

const { HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH } = constants;

/** As many connections as a client of rpc-kit may have to one server. */
const CONNECTIONS = 4;

interface Run {
  readonly port: number;
  readonly method: MethodName;
  readonly timing: Timing;
}

const sessions = new Map<number, ClientHttp2Session[]>();

/** The same load for every server: node:http2 with prepared bytes. */
function sessionsTo(port: number): ClientHttp2Session[] {
  const known = sessions.get(port);
  if (known) return known;
  const made = Array.from({ length: CONNECTIONS }, () => connect(`http://127.0.0.1:${port}`));
  sessions.set(port, made);
  return made;
}

function run({ port, method, timing }: Run) {
  const { path, request, response, params, handle } = PLAIN[method];
  const frame = framed(encode(request, params));
  const expected = framed(encode(response, handle(params as never)));
  const headers = {
    [HTTP2_HEADER_METHOD]: 'POST',
    [HTTP2_HEADER_PATH]: path,
    [HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
    te: 'trailers',
    'user-agent': 'benchmark/1.0.0',
    'grpc-timeout': '2000m',
  };
  const lane = (session: ClientHttp2Session) => () =>
    new Promise<boolean>((resolve) => {
      const stream = session.request(headers);
      let answer: Buffer | undefined;
      let isOk = false;
      stream.on('data', (part: Buffer) => {
        answer = answer ? Buffer.concat([answer, part]) : part;
      });
      stream.on('trailers', (trailers) => {
        isOk = trailers['grpc-status'] === '0';
      });
      stream.on('error', () => {});
      stream.on('close', () => resolve(isOk && answer?.equals(expected) === true));
      stream.end(frame);
    });
  const open = sessionsTo(port);
  const lanes = Array.from({ length: timing.concurrency }, (_, index) =>
    lane(open[index % open.length] as ClientHttp2Session),
  );
  return closedLoop(lanes, timing);
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

answerTo({
  prepare: ({ timing, ...target }: Run) => run({ ...target, timing: { ...timing, measureMs: 0 } }),
  run,
});
