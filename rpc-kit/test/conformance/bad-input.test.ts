import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { MOUNTS, type TestServer } from '../mounts/hosts.ts';
import { badInputs, oddInputs, plainError } from './bad-input.ts';
import { type RawAnswer, requestBytes, sendRaw } from './raw-http.ts';
import { createSubject, INSIDE, type Subject, serveSubject } from './subject.ts';
import { WIRES } from './wires.ts';

/** Nothing that looks like these leaves the service: stack lines, files, hosts, SQL. */
const INNER = [
  /\bat .*:\d+:\d+/,
  /\n\s+at /,
  /node:|node_modules|file:\/\//,
  /\.[cm]?[jt]s\b/,
  /\/(srv|home|usr|opt|var|tmp|root|etc)\//,
  /\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE)\b/,
  /127\.0\.0\.1|localhost|\.internal/,
];

interface Ground {
  readonly name: string;
  serve(service: Subject['service']): Promise<TestServer>;
  connect(port: number): Socket;
  /** Titles of inputs that the service never gets. */
  isOfHost(title: string): boolean;
}

const overWires: readonly Ground[] = WIRES.map(({ name, serverOptions, connect }) => ({
  name,
  serve: (service) => serveSubject({ service, executed: [] }, serverOptions),
  connect,
  isOfHost: () => false,
}));

/** Hosts answer by themselves what their HTTP parsers refuse. */
const onMounts: readonly Ground[] = MOUNTS.map(({ name, serve }) => ({
  name,
  serve,
  connect: (port) => connect(port, '127.0.0.1'),
  isOfHost: (title) => title.startsWith('on the wire: ') || (name === 'Hono' && NOT_BEHIND_FETCH.test(title)),
}));

/** Its URLs are normalized, its GET has no body, and the connection of a sender who sends on is closed behind the answer. */
const NOT_BEHIND_FETCH = /^POST (?:\/rpc|\/echo): 10 MB|^POST (?:\/\.\.\/echo|\*): |^GET with a body$/;

for (const { name, serve, connect: connectTo, isOfHost } of [...overWires, ...onMounts]) {
  describe(`bad input over ${name}`, () => {
    const subject = createSubject();
    let server: TestServer;

    before(async () => {
      server = await serve(subject.service);
    });
    beforeEach(() => {
      subject.executed.length = 0;
    });
    after(() => server.close());

    it(`is shown by at least 100 requests (here ${badInputs.length})`, () => {
      assert.ok(badInputs.length >= 100);
      assert.deepEqual(duplicates(badInputs.map(({ title }) => title)), []);
    });

    for (const { title, sent, status, body, allow } of badInputs) {
      if (isOfHost(title)) continue;
      it(`${title} is answered by ${status || 'closing the connection'}`, async () => {
        const answer = await sendRaw(connectTo(server.port), ...sent);
        assert.deepEqual({ status: answer.status, body: maskedBody(answer) }, { status, body });
        assert.equal(answer.headers.allow, allow);
        assert.equal(answer.error, undefined);
        for (const inner of INNER) assert.doesNotMatch(answer.body, inner);
        assert.deepEqual(
          subject.executed.filter((method) => method !== 'never'),
          [],
        );
      });
    }

    for (const [title, request, body] of oddInputs) {
      if (isOfHost(title)) continue;
      it(`${title} is odd, but right`, async () => {
        const answer = await sendRaw(connectTo(server.port), requestBytes(request));
        assert.ok(answer.body.startsWith(body), answer.body);
      });
    }

    it('leaves a service that still answers a good call', async () => {
      const answer = await sendRaw(connectTo(server.port), requestBytes({ path: '/sum', body: '{"a":1,"b":2,"c":4}' }));
      assert.deepEqual([answer.status, answer.body], [200, '7']);
    });

    it('would show what must not leave, were it to leave', () => {
      assert.ok(INNER.some((inner) => inner.test(INSIDE)));
    });
  });
}

describe('senders that are too slow', () => {
  // So long that stalls of a busy machine, which would excuse the sender, stay far below a quarter of it.
  const limits = { headersTimeoutMs: 1_000, requestTimeoutMs: 1_500 };
  const unfinished = [
    '',
    'POST /echo HTTP/1.1\r\nHost: a\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{',
    'POST /rpc HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n',
  ];

  it('are answered by 408, wherever they stopped', async () => {
    const server = await serveSubject(createSubject(), { limits });
    const answers = await Promise.all(unfinished.map((sent) => sendRaw(server.port, sent)));
    await server.close();
    const body = { error: plainError('invalid_request', 'The request took too long to arrive') };
    assert.deepEqual(
      answers.map((answer) => ({ status: answer.status, body: maskedBody(answer) })),
      unfinished.map(() => ({ status: 408, body })),
    );
  });
});

/** The body with its request id masked, which must be the one of the header. */
function maskedBody({ body, headers }: RawAnswer): unknown {
  if (body === '' || body === '0\r\n\r\n') return undefined;
  return JSON.parse(body, (key, value) => {
    if (key !== 'requestId') return value;
    assert.equal(value, headers['x-request-id']);
    return '*';
  });
}

function duplicates(titles: readonly string[]): string[] {
  return titles.filter((title, index) => titles.indexOf(title) !== index);
}
