import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpServer } from 'rpc-kit';
import type { HttpLimits } from '../../src/http/server/limits.ts';
import type { MountLimits } from '../../src/http/server/mount.ts';
import { SURPLUS_MAX } from '../../src/http/server/surplus-connections.ts';
import { type Exceptions, onEachHost, type TestServer } from '../mounts/hosts.ts';
import { type RawAnswer, requestBytes, sendRaw } from './raw-http.ts';
import { createSubject, serveSubject } from './subject.ts';

/** Far more than the buffers between a sender and a server hold, which take their part whatever the server reads. */
const SENT_MAX = 256 * 1024 * 1024;

const echo = (server: TestServer, text: string, ...headers: string[]): Promise<RawAnswer> =>
  sendRaw(server.port, requestBytes({ path: '/echo', headers, body: JSON.stringify({ text }) }));

const EXCEPTIONS: Exceptions = {
  serveHttp: {
    'requestTimeoutMs: a body that stays away is refused, and one that is there in time is not':
      'node:http checks it once a second: see the senders that are too slow.',
  },
  Hono: {
    'discardBytesMax: a sender that goes on and on after the refusal is cut off':
      'The host closes the connection behind the answer.',
  },
};

/** The limits that the tests of bad input do not meet, or meet only as they are by default. */
onEachHost('the limits of bodies', EXCEPTIONS, ({ serve: serveOn, it }) => {
  let open: AsyncDisposableStack;
  beforeEach(() => {
    open = new AsyncDisposableStack();
  });
  afterEach(() => open[Symbol.asyncDispose]());

  async function serve(limits: Partial<MountLimits>): Promise<TestServer> {
    const server = await serveOn(createSubject().service, { limits });
    open.defer(() => server.close(0));
    return server;
  }

  it('may be changed one by one', async () => {
    const server = await serve({ bodyBytesMax: 100, nestingDepthMax: 2 });
    const statusOf = async (answer: Promise<RawAnswer>): Promise<number> => (await answer).status;
    assert.equal(await statusOf(echo(server, 'a'.repeat(80))), 200);
    assert.equal(await statusOf(echo(server, 'a'.repeat(100))), 413);
    const nested = await sendRaw(server.port, requestBytes({ path: '/echo', body: '{"nested":{"inner":1}}' }));
    assert.equal(nested.status, 200);
    const deeper = await sendRaw(server.port, requestBytes({ path: '/echo', body: '{"nested":{"inner":[]}}' }));
    assert.match(deeper.body, /nest deeper than 2/);
  });

  it('valuesMax and wideNumbersMax: a body with one value or one long number more is refused before it is parsed', async () => {
    const server = await serve({ valuesMax: 5, wideNumbersMax: 2 });
    const answer = async (body: string) => (await sendRaw(server.port, requestBytes({ path: '/echo', body }))).body;
    assert.equal(await answer('{"list":[1,2,3]}'), '{"list":[1,2,3]}');
    assert.match(await answer('{"list":[1,2,3],"uint16":1}'), /"The body holds more than 5 values"/);
    assert.equal(
      await answer('{"int64":1e18,"uint64":1e17}'),
      '{"int64":1000000000000000000,"uint64":100000000000000000}',
    );
    assert.match(await answer('{"int64":1e18,"uint64":1e17,"uint16":1e17}'), /"The body holds more than 2 numbers of /);
  });

  it('discardBytesMax: a sender that goes on and on after the refusal is cut off', async () => {
    const server = await serve({ bodyBytesMax: 1_000, discardBytesMax: 100_000 });
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume().write('POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    let sent = 0;
    while (!socket.destroyed && sent < SENT_MAX) {
      sent += chunk.length;
      if (socket.write(chunk)) continue;
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    }
    assert.ok(sent < SENT_MAX);
    await closed;
  });

  it('a body that is cut into chunks of one byte is refused, and one in larger chunks is not', async () => {
    const server = await serve({});
    const chunked = (text: string, size: number): Buffer => {
      const chunks = text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? [];
      const head = 'POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
      return Buffer.from(
        `${head}${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`,
      );
    };
    const body = `{"uint16":1${' '.repeat(500_000)}}`;
    const refused = await sendRaw(server.port, chunked(body, 1));
    assert.equal(refused.status, 400);
    assert.match(refused.body, /too many pieces: send at least 256 bytes at a time/);
    for (const taken of [chunked(body, 256), chunked(body.slice(-400).replace(/^/, '{"uint16":1'), 1)]) {
      assert.equal((await sendRaw(server.port, taken)).body, '{"uint16":1}');
    }
  });

  it('requestTimeoutMs: a body that stays away is refused, and one that is there in time is not', async () => {
    const server = await serve({ requestTimeoutMs: 100 });
    const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n';
    const late = await sendRaw(server.port, head, '{');
    assert.deepEqual([late.status, JSON.parse(late.body).error.message], [408, 'The request took too long to arrive']);
    assert.equal((await sendRaw(server.port, `${head}{}`)).body, '{}');
  });
});

describe('the limits of the connections of the HTTP server', () => {
  let open: AsyncDisposableStack;
  beforeEach(() => {
    open = new AsyncDisposableStack();
  });
  afterEach(() => open[Symbol.asyncDispose]());

  async function serve(limits: Partial<HttpLimits>): Promise<HttpServer> {
    const server = await serveSubject(createSubject(), { limits });
    open.defer(() => server.close(0));
    return server;
  }

  /** A connection that stays open after its answer, and has had one. */
  async function stay(server: HttpServer): Promise<Socket> {
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    open.defer(() => void socket.destroy());
    socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    const [bytes] = await once(socket, 'data');
    assert.match(String(bytes), /^HTTP\/1\.1 200 /);
    socket.resume();
    return socket;
  }

  it('headerBytesMax: an address with headers beyond it is refused', async () => {
    const server = await serve({ headerBytesMax: 1_000 });
    assert.equal((await echo(server, '', `x-long: ${'a'.repeat(500)}`)).status, 200);
    assert.equal((await echo(server, '', `x-long: ${'a'.repeat(1_000)}`)).status, 431);
  });

  it('keepAliveTimeoutMs: an idle connection is closed', async function () {
    // Below the default of 10 s; Node adds a second of its own.
    this.timeout(8_000);
    const socket = await stay(await serve({ keepAliveTimeoutMs: 50 }));
    await once(socket, 'close');
  });

  it('connectionsMax: one more is answered with 503 and closed, and served when another has gone', async () => {
    const server = await serve({ connectionsMax: 2 });
    const [first] = [await stay(server), await stay(server)];
    const refused = await echo(server, 'one more');
    assert.deepEqual([refused.status, refused.error], [503, undefined]);
    const { 'retry-after': retryAfter, connection, 'x-request-id': requestId } = refused.headers;
    assert.deepEqual([retryAfter, connection], ['1', 'close']);
    const { error } = JSON.parse(refused.body);
    assert.deepEqual([error.code, error.reason, error.requestId], ['unavailable', 'overloaded', requestId]);
    first.destroy();
    let status = 0;
    // The server learns a moment later that it has gone.
    for (const deadline = performance.now() + 10_000; status !== 200 && performance.now() < deadline; await sleep(5)) {
      status = (await echo(server, 'one more')).status;
    }
    assert.equal(status, 200);
  });

  it('connectionsMax: one more that sends nothing is closed soon, and too many of them at once', async () => {
    const server = await serve({ connectionsMax: 1 });
    await stay(server);
    const surplus = Array.from({ length: SURPLUS_MAX }, () => connect(server.port, '127.0.0.1').on('error', () => {}));
    open.defer(() => surplus.forEach((socket) => void socket.destroy()));
    await Promise.all(surplus.map((socket) => once(socket, 'connect')));
    assert.equal((await echo(server, 'one more')).status, 0);
    await Promise.all(surplus.map((socket) => once(socket.resume(), 'close')));
    assert.equal((await echo(server, 'one more')).status, 503);
  });
});
