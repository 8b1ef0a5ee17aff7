import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { pino } from 'pino';
import { type Exceptions, onEachHost, type TestServer } from '../mounts/hosts.ts';
import { type RawAnswer, type RawRequest, requestBytes, sendRaw } from './raw-http.ts';
import { createSubject } from './subject.ts';

/** The parser of node:http and its answers to malformed requests are those of the host. */
const OF_ITS_PARSER = {
  'refuses bytes that are no request in its own form': 'The host answers bytes that its parser refuses.',
  'refuses a request with two Host headers and one with none': 'The host answers a request without a Host.',
  'does not wait for a body that it refused before it was sent': 'The host asks for each body that is expected.',
};
const EXCEPTIONS: Exceptions = {
  'node:http': OF_ITS_PARSER,
  Express: OF_ITS_PARSER,
  Fastify: OF_ITS_PARSER,
  Hono: {
    ...OF_ITS_PARSER,
    'refuses a request with two Authorization headers, of which a proxy may have read the other':
      'A Request joins repeated headers. Nothing accepts the joined value as a token.',
    'refuses a request without a version, which is HTTP/0.9, and one of another major version':
      'A Request does not say its version.',
    'asks HTTP/1.0 for no Host header': 'The host cannot make a URL without it.',
    'reads on a while where a body without a length is too large, so that its sender gets to read why':
      'The host closes the connection behind the answer.',
  },
};

onEachHost('HTTP faces', EXCEPTIONS, ({ serve, it }) => {
  let server: TestServer;
  const ask = (request: RawRequest): Promise<RawAnswer> => sendRaw(server.port, requestBytes(request));

  const logLines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => logLines.push(line) });

  before(async () => {
    server = await serve(createSubject().service, { logger });
  });
  beforeEach(() => {
    logLines.length = 0;
  });
  after(() => server.close());

  it('answers a result that is text as JSON on the plain face', async () => {
    const { status, body } = await ask({ path: '/greeting', body: '{}' });
    assert.deepEqual({ status, body }, { status: 200, body: '"hello"' });
  });

  it('answers 500 to a call whose result cannot be written as JSON, instead of dropping the connection', async () => {
    const answer = await ask({ path: '/unwritable', headers: ['x-request-id: r1'], body: '{}' });
    assert.equal(answer.status, 500);
    assert.deepEqual(JSON.parse(answer.body), {
      error: { code: 'internal', message: 'Internal error', requestId: 'r1' },
    });
  });

  it('answers 500 where an interceptor has set a header that no answer can carry', async () => {
    const { service } = createSubject();
    const call: typeof service.call = (received, caller) => {
      received.answerHeaders?.set('x-note', 'a\nb');
      return service.call(received, caller);
    };
    await using breaking = await serve({ ...service, call }, { logger });
    for (const path of ['/greeting', '/no_such']) {
      const answer = await sendRaw(breaking.port, requestBytes({ path, headers: ['x-request-id: r1'], body: '{}' }));
      const status = path === '/greeting' ? 500 : 404;
      assert.deepEqual([answer.status, answer.headers['x-request-id']], [status, 'r1']);
    }
    const batch = ['greeting', 'never'].map((method, id) => ({ jsonrpc: '2.0', id, method, params: {} }));
    const parts = requestBytes({
      path: '/rpc',
      headers: ['x-batch-answers: as-they-come'],
      body: JSON.stringify(batch),
    });
    assert.match((await sendRaw(breaking.port, parts)).body, /"result":"hello"/);
    assert.match(logLines.join(''), /request could not be answered/);
  });

  it('reads on a while where a body without a length is too large, so that its sender gets to read why', async () => {
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, ' '), Buffer.from('\r\n')]);
    const head = 'POST /rpc HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await sendRaw(server.port, head, ...Array(160).fill(chunk), '0\r\n\r\n');
    assert.deepEqual({ status: answer.status, error: answer.error }, { status: 413, error: undefined });
  });

  it('keeps the connection of a request that it refuses, when all of the request has arrived', async () => {
    const refused = (path: string, ...headers: string[]): string =>
      requestBytes({ path, headers, body: '{}' }).toString().replace('Connection: close\r\n', '');
    const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(
      [
        refused('/nowhere'),
        refused('/greeting', 'content-type: text/plain'),
        refused('/rpc', 'x-deadline-ms: soon'),
      ].join(''),
    );
    socket.write(requestBytes({ path: '/greeting' }));
    await once(socket, 'close');
    const statuses = [
      ...Buffer.concat(chunks)
        .toString()
        .matchAll(/HTTP\/1\.1 (\d+)/g),
    ].map(([, status]) => status);
    assert.deepEqual(statuses, ['404', '415', '400', '200']);
  });

  it('takes a body of nothing but a byte order mark as no body', async () => {
    const { status, body } = await ask({ path: '/greeting', body: '\ufeff' });
    assert.deepEqual({ status, body }, { status: 200, body: '"hello"' });
  });

  it('counts a caller that leaves while it sends the body as no failure of its own', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{');
    await once(socket, 'connect');
    socket.destroy();
    await once(socket, 'close');
    await ask({ path: '/echo', body: '{}' });
    assert.deepEqual(logLines, []);
  });

  it('refuses bytes that are no request in its own form', async () => {
    const answer = await sendRaw(server.port, 'hello\r\n\r\n');
    const { 'x-request-id': requestId, ...headers } = answer.headers;
    assert.deepEqual(
      [answer.status, headers],
      [400, { connection: 'close', 'content-type': 'application/json', 'content-length': String(answer.body.length) }],
    );
    assert.deepEqual(JSON.parse(answer.body), {
      error: { code: 'invalid_request', message: 'This is not a well-formed HTTP/1.1 request', requestId },
    });
  });

  it('refuses a request with two Host headers and one with none', async () => {
    for (const hosts of ['Host: a\r\nHost: b\r\n', 'Host: a\r\nhOST: a\r\n', '']) {
      const request = `GET /healthz HTTP/1.1\r\n${hosts}Connection: close\r\nx-request-id: r1\r\n\r\n`;
      const answer = await sendRaw(server.port, request);
      assert.deepEqual(
        [answer.status, JSON.parse(answer.body)],
        [400, { error: { code: 'invalid_request', message: 'Send one Host header', requestId: 'r1' } }],
      );
    }
  });

  it('refuses a request with two Authorization headers, of which a proxy may have read the other', async () => {
    const headers =
      'Host: a\r\nAuthorization: Bearer a\r\nauthORIZATION: Bearer a\r\nConnection: close\r\nx-request-id: r1\r\n';
    for (const line of ['POST /greeting', 'POST /rpc']) {
      const answer = await sendRaw(server.port, `${line} HTTP/1.1\r\n${headers}Content-Length: 2\r\n\r\n{}`);
      const { message } = JSON.parse(answer.body).error;
      assert.deepEqual([answer.status, message], [400, 'Send one Authorization header']);
    }
  });

  it('refuses a request without a version, which is HTTP/0.9, and one of another major version', async () => {
    for (const version of ['', ' HTTP/0.9', ' HTTP/2.0']) {
      for (const line of ['GET /healthz', 'POST /greeting', 'GET /']) {
        const answer = await sendRaw(server.port, `${line}${version}\r\nHost: a\r\n\r\n`);
        const { code, message } = JSON.parse(answer.body).error;
        assert.deepEqual([answer.status, code, message], [400, 'invalid_request', 'Send the request as HTTP/1.1']);
      }
    }
    assert.equal((await sendRaw(server.port, 'GET /healthz\r\n\r\n')).status, 400);
  });

  it('forbids caches to keep what GET or HEAD answers: results, pages, errors and redirects', async () => {
    const paths = [
      '/greeting',
      '/never',
      '/no_such',
      '/rpc',
      '/',
      '/docs',
      '/openrpc.json',
      '/healthz',
      '/readyz',
      '/metrics',
    ];
    for (const path of paths) {
      for (const verb of ['GET', 'HEAD']) {
        const accepts = ['*/*', 'text/html'].map((type) => `Accept: ${type}`);
        for (const accept of accepts) {
          const { headers } = await ask({ verb, path, headers: [accept] });
          assert.equal(headers['cache-control'], 'no-store', `${verb} ${path}`);
        }
      }
    }
    const refused = await ask({ verb: 'GET', path: '/greeting', headers: ['Content-Type: text/plain'] });
    assert.deepEqual([refused.status, refused.headers['cache-control']], [415, 'no-store']);
  });

  it('shows the documentation to a browser that asks for the service, and an error to a program', async () => {
    const browser = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    for (const verb of ['GET', 'HEAD']) {
      const { status, headers } = await ask({ verb, path: '/?from=bookmark', headers: [browser] });
      assert.deepEqual([status, headers.location], [302, '/docs']);
    }
    for (const accept of ['*/*', 'application/json', 'application/json, text/html;q=0.9']) {
      const { status, body } = await ask({ verb: 'GET', path: '/', headers: [`Accept: ${accept}`] });
      assert.deepEqual([status, JSON.parse(body).error.code], [404, 'method_not_found'], accept);
    }
    assert.equal((await ask({ path: '/', headers: [browser] })).status, 404);
    assert.equal((await ask({ verb: 'GET', path: '/no_such', headers: [browser] })).status, 404);
  });

  it('asks HTTP/1.0 for no Host header', async () => {
    const { status } = await sendRaw(server.port, 'GET /healthz HTTP/1.0\r\n\r\n');
    assert.equal(status, 200);
  });

  it('refuses a body in a transfer coding that it does not undo', async () => {
    const head = 'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n';
    const answer = await sendRaw(server.port, head, '2\r\n{}\r\n0\r\n\r\n');
    assert.deepEqual([answer.status, JSON.parse(answer.body).error.code], [501, 'unimplemented']);
  });

  it('lets a reading method be called by HEAD, and says so where it allows', async () => {
    const head = await ask({ verb: 'HEAD', path: '/greeting' });
    assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '7', '']);
    const put = await ask({ verb: 'PUT', path: '/greeting' });
    assert.deepEqual([put.status, put.headers.allow], [405, 'GET, HEAD, POST']);
  });

  it('understands a whole URL in the request line', async () => {
    const answer = await ask({ path: 'http://localhost/greeting?x=1' });
    assert.deepEqual([answer.status, answer.body], [200, '"hello"']);
  });

  it('refuses params that are a number without a double, instead of calling without params', async () => {
    const { body } = await ask({
      path: '/rpc',
      body: '{"jsonrpc":"2.0","id":1,"method":"echo","params":0.1234567890123456789}',
    });
    assert.equal(JSON.parse(body).error?.code, -32600);
  });

  it('does not wait for a body that it refused before it was sent', async () => {
    const headers = 'Content-Length: 10485760\r\nExpect: 100-continue';
    const answer = await sendRaw(server.port, `POST /rpc HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n`);
    assert.deepEqual([answer.status, answer.headers.connection, answer.error], [413, 'close', undefined]);
  });
});
