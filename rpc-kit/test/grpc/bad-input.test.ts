import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { Registry } from 'prom-client';
import type { GrpcServer } from 'rpc-kit/grpc';
import { grpcMetrics } from 'rpc-kit/metrics';
import { decodeMessage } from '../../src/grpc/metadata.ts';
import { type BadInput, badInputs, ECHO_PATH, oddInputs } from './bad-input.ts';
import { callHeaders } from './raw-http2.ts';
import { serveSubject } from './subject.ts';

/** Nothing that looks like these leaves the service: stack lines, files, hosts, SQL. */
const INNER = [/\bat .*:\d+:\d+/, /node:|node_modules|file:\/\//, /\.[cm]?[jt]s\b/, /127\.0\.0\.1|localhost/];

interface Answer {
  readonly httpStatus: unknown;
  readonly status: unknown;
  readonly message: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

async function send(session: ClientHttp2Session, { headers = {}, body }: BadInput): Promise<Answer> {
  const all = Object.entries({ ...callHeaders(ECHO_PATH), ':authority': undefined, ...headers });
  const stream = session.request(Object.fromEntries(all.filter(([, value]) => value !== undefined)), {
    endStream: false,
  });
  let answer: IncomingHttpHeaders = {};
  stream.on('response', (received) => {
    answer = { ...answer, ...received };
  });
  stream.on('trailers', (received) => {
    answer = { ...answer, ...received };
  });
  // The server may reset what it has refused.
  stream.on('error', () => {});
  stream.resume();
  for (const part of body) stream.write(part);
  stream.end();
  if (!stream.closed) await once(stream, 'close');
  const message = answer['grpc-message'];
  return {
    httpStatus: answer[':status'],
    status: answer['grpc-status'],
    message: message === undefined ? undefined : decodeMessage(String(message)),
    headers: answer,
  };
}

describe('bad input over gRPC', () => {
  const registry = new Registry();
  let server: GrpcServer;
  let session: ClientHttp2Session;
  let calls = 0;

  before(async () => {
    server = await serveSubject({ onCall: () => calls++ }, { metrics: grpcMetrics(registry) });
    session = connect(`http://127.0.0.1:${server.port}`);
  });
  beforeEach(() => {
    calls = 0;
  });
  after(async () => {
    session.destroy();
    await server.close(0);
  });

  it(`is shown by at least 80 calls (here ${badInputs.length})`, () => {
    assert.ok(badInputs.length >= 80);
    assert.equal(new Set(badInputs.map(({ title }) => title)).size, badInputs.length);
  });

  for (const input of badInputs) {
    const { httpStatus = 200, status, message } = input;
    it(`${input.title} is answered by ${status === undefined ? `HTTP ${httpStatus}` : `gRPC ${status}`}`, async () => {
      const answer = await send(session, input);
      assert.deepEqual(
        [answer.httpStatus, answer.status],
        [httpStatus, status === undefined ? undefined : String(status)],
      );
      if (message instanceof RegExp) assert.match(answer.message ?? '', message);
      else assert.equal(answer.message, message);
      for (const inner of INNER) assert.doesNotMatch(JSON.stringify(answer.headers), inner);
      assert.equal(calls, 0);
    });
  }

  for (const input of oddInputs) {
    it(`${input.title} is odd, but right`, async () => {
      const answer = await send(session, input);
      assert.deepEqual([answer.status, calls], ['0', 1]);
    });
  }

  it('names the encodings that it accepts where it refuses one', async () => {
    const [input] = badInputs.filter(({ headers }) => headers?.['grpc-encoding'] === 'br');
    const { headers } = await send(session, input as BadInput);
    assert.equal(headers['grpc-accept-encoding'], 'identity,gzip');
  });

  it('resets a call with 20 KB of headers', async () => {
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`x-${index}`, 'x'.repeat(1_000)]));
    await assert.rejects(send(session, { title: '', headers, body: [] }), /NGHTTP2_ENHANCE_YOUR_CALM/);
  });

  it('leaves no open stream behind, on the same connection', async () => {
    assert.equal(session.destroyed, false);
    assert.match(await registry.metrics(), /^grpc_streams_open 0$/m);
  });
});
