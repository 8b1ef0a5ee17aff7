import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Stream, connect, createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { keepStreamsYoung } from './young-streams.ts';

describe('the streams of a session, kept in lists', () => {
  let stack: AsyncDisposableStack;
  beforeEach(() => {
    stack = new AsyncDisposableStack();
  });
  afterEach(() => stack[Symbol.asyncDispose]());

  async function open() {
    const server = createServer();
    const accepted = new Promise<ServerHttp2Session>((resolve) => server.once('session', resolve));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stack.defer(() => void server.close());
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    client.on('error', () => {});
    stack.defer(() => client.destroy());
    const session = await accepted;
    // A new version of Node may have other names: then docs/decisions/0051 has to be measured again.
    assert.deepEqual([keepStreamsYoung(session), keepStreamsYoung(client)], [true, true]);
    return { session, client };
  }

  const send = (client: Awaited<ReturnType<typeof open>>['client']): ClientHttp2Stream => {
    const stream = client.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    return stream;
  };

  it('are answered, hundreds at a time', async () => {
    const { session, client } = await open();
    session.on('stream', (stream) => {
      stream.on('data', (part) => stream.end(part));
    });
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, index) => {
        const stream = send(client);
        stream.end(String(index));
        const [part] = await once(stream, 'data');
        return String(part);
      }),
    );
    assert.deepEqual(
      answers,
      Array.from({ length: 300 }, (_, index) => String(index)),
    );
  });

  it('end with their session', async () => {
    const { session, client } = await open();
    const streams = Array.from({ length: 50 }, () => send(client));
    let arrived = 0;
    await new Promise<void>((resolve) => {
      session.on('stream', (stream) => {
        stream.on('error', () => {});
        arrived += 1;
        if (arrived === 50) resolve();
      });
    });
    const closed = streams.map((stream) => once(stream, 'close'));
    session.destroy();
    await Promise.all(closed);
    assert.ok(session.destroyed);
  });

  it('keep a session that closes gracefully open until the last one ends', async () => {
    const { session, client } = await open();
    session.on('stream', (stream) => {
      session.close();
      setImmediate(() => {
        stream.respond();
        stream.end('late');
      });
    });
    const stream = send(client);
    stream.end();
    const [part] = await once(stream, 'data');
    assert.equal(String(part), 'late');
    await once(session, 'close');
  });

  it('leave a session alone that already has streams, or that is of another kind', async () => {
    const { client } = await open();
    const stream = send(client);
    await once(stream, 'ready');
    assert.equal(keepStreamsYoung(client), false);
    assert.equal(keepStreamsYoung({} as typeof client), false);
  });
});
