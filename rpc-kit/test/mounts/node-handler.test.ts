import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createNodeHandler } from 'rpc-kit';
import { type EndedRequest, UNMEASURED } from '../../src/http/server/http-metrics.ts';
import { requestBytes, sendRaw } from '../conformance/raw-http.ts';
import { createSubject } from '../conformance/subject.ts';
import { createStalling, implementWatch } from './stalling-service.ts';

describe('a handler of node:http', () => {
  let server: Server;
  const listen = async (listener: RequestListener): Promise<number> => {
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  it('leaves a request alone that its host has answered', async () => {
    const { service, executed } = createSubject();
    const handler = createNodeHandler(service);
    const port = await listen((request, response) => {
      response.end('too busy');
      handler(request, response);
    });
    const { status, body } = await sendRaw(port, requestBytes({ path: '/greeting' }));
    assert.deepEqual([status, body, executed], [200, 'too busy', []]);
  });

  it('adds nothing to an answer that its host gives meanwhile, and cancels the call', async () => {
    const { service, nextCall, cancelled } = createStalling();
    const handler = createNodeHandler(service);
    const begun = nextCall();
    const port = await listen(async (request, response) => {
      handler(request, response);
      await begun;
      response.writeHead(503, { connection: 'close', 'content-length': 8 }).end('too late');
    });
    const { status, body } = await sendRaw(port, requestBytes({ path: '/wait', body: '{}' }));
    assert.deepEqual([status, body, await cancelled], [503, 'too late', 'cancelled']);
  });

  it('adds nothing to an answer that its host still sends', async () => {
    const { service, goOn, nextCall } = createStalling();
    const handler = createNodeHandler(service);
    const begun = nextCall();
    const size = 32 * 1024 * 1024;
    const port = await listen(async (request, response) => {
      handler(request, response);
      await begun;
      response.writeHead(200, { connection: 'close', 'content-length': size }).end(Buffer.alloc(size, 'x'));
      goOn();
    });
    const socket = connect(port, '127.0.0.1').pause();
    socket.write(requestBytes({ path: '/wait', body: '{}' }));
    await begun;
    // The call answers while the host's answer waits for its reader.
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    const { body } = await sendRaw(socket.resume());
    assert.deepEqual([body.length, body.replaceAll('x', '')], [size, '']);
  });

  it('adds no item of a stream to an answer that its host has ended, and that waits for its reader', async () => {
    const ended = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const service = implementWatch(async function* () {
      try {
        yield {};
        await ended.promise;
        yield {};
      } finally {
        left.resolve();
      }
    });
    const handler = createNodeHandler(service);
    const port = await listen((request, response) => {
      handler(request, response);
      request.once('end', () =>
        setImmediate(() => {
          response.end(Buffer.alloc(32 * 1024 * 1024, 'x'));
          ended.resolve();
        }),
      );
    });
    const socket = connect(port, '127.0.0.1').pause();
    socket.write(requestBytes({ path: '/watch', body: '{}' }));
    await left.promise;
    const { body } = await sendRaw(socket.resume());
    assert.equal(body.match(/data/g)?.length, 1);
  });

  it('takes a request whose end has come, with an empty body', async () => {
    const handler = createNodeHandler(createSubject().service);
    const port = await listen(async (request, response) => {
      await once(request.resume(), 'end');
      handler(request, response);
    });
    const { status, body } = await sendRaw(port, requestBytes({ path: '/greeting' }));
    assert.deepEqual([status, body], [200, '"hello"']);
  });

  it('takes a request late, with a body that waited', async () => {
    const handler = createNodeHandler(createSubject().service);
    const port = await listen(async (request, response) => {
      while (!request.complete) await nextTurn();
      handler(request, response);
    });
    const { body } = await sendRaw(port, requestBytes({ path: '/echo', body: '{"uint16":7}' }));
    assert.equal(body, '{"uint16":7}');
  });

  it('keeps the headers that its host has set', async () => {
    const handler = createNodeHandler(createSubject().service);
    const port = await listen((request, response) => {
      response.setHeader('strict-transport-security', 'max-age=60');
      handler(request, response);
    });
    const { headers } = await sendRaw(port, requestBytes({ path: '/greeting' }));
    assert.deepEqual(
      [headers['strict-transport-security'], headers['content-type']],
      ['max-age=60', 'application/json'],
    );
  });

  it('answers through middleware that wraps the methods of the response', async () => {
    const requestEnded = Promise.withResolvers<boolean>();
    const requestsAt = () => ({
      ended: ({ finished }: EndedRequest) => requestEnded.resolve(finished),
      refusalsAt: () => [],
      refused() {},
    });
    const handler = createNodeHandler(createSubject().service, { metrics: { ...UNMEASURED, requestsAt } });
    const port = await listen((request, response) => {
      const writeHead = response.writeHead.bind(response) as (status: number) => ServerResponse;
      const end = response.end.bind(response);
      // As on-headers 1.0 and express-session do: headers are an object, and `end` has no callback.
      Object.assign(response, {
        writeHead(status: number, headers: object) {
          for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
          return writeHead(status);
        },
        end: (text: string, encoding: BufferEncoding) => end(text, encoding),
      });
      handler(request, response);
    });
    const { headers, body } = await sendRaw(port, requestBytes({ path: '/greeting', headers: ['X-Request-Id: r1'] }));
    assert.deepEqual(
      [headers['content-type'], headers['content-length'], headers['x-request-id'], body],
      ['application/json', '7', 'r1', '"hello"'],
    );
    assert.equal(await requestEnded.promise, true);
  });

  it('keeps the connection after an answer, and closes it with an answer while it stops', async () => {
    const { service, goOn, nextCall } = createStalling();
    const handler = createNodeHandler(service);
    const port = await listen(handler);
    const keptOpen = (path: string): string =>
      requestBytes({ path, body: '{}' }).toString().replace('Connection: close\r\n', '');
    const socket = connect(port, '127.0.0.1');
    socket.write(keptOpen('/whoami'));
    assert.match(String(await once(socket, 'data')), /^HTTP\/1\.1 200 /);
    const begun = nextCall();
    const answered = sendRaw(socket, keptOpen('/wait'));
    await begun;
    const closed = handler.close();
    goOn();
    const { status, headers } = await answered;
    assert.deepEqual([status, headers.connection], [200, 'close']);
    await closed;
  });

  it('passes on the address of its caller', async () => {
    const port = await listen(createNodeHandler(createStalling().service));
    const { body } = await sendRaw(port, requestBytes({ path: '/whoami' }));
    assert.equal(body, '{"address":"127.0.0.1"}');
  });
});
