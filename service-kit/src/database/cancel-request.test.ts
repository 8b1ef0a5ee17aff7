import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket, type TlsOptions } from 'node:tls';
import type { PoolClient } from 'pg';
import { createCancelRequest } from './cancel-request.ts';

/** https://www.postgresql.org/docs/current/protocol-message-formats.html: SSLRequest; CancelRequest of session 7 with key 9. */
const SSL_REQUEST = Buffer.from('0000000804d2162f', 'hex');
const CANCEL_REQUEST = Buffer.from('0000001004d2162e0000000700000009', 'hex');

/** A pre-shared key, which needs no certificates. */
const psk = Buffer.from('no secret, for tests');
const ciphers = 'PSK-AES128-GCM-SHA256';
const ofServer: TlsOptions = { maxVersion: 'TLSv1.2', ciphers, pskCallback: () => psk };
const ofClient = {
  maxVersion: 'TLSv1.2',
  ciphers,
  pskCallback: () => ({ psk, identity: 'tests' }),
  checkServerIdentity: () => undefined,
};

describe('A cancel request', () => {
  let server: Server;
  /** What the server does with a connection. */
  let serve: (socket: Socket) => Promise<void>;
  const sockets = new Set<Socket>();

  before(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      void serve(socket);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });

  after(() => server.close());

  function clientOf(ssl: unknown = false, port = (server.address() as AddressInfo).port): PoolClient {
    const stream = { remoteAddress: '127.0.0.1', remotePort: port };
    const session = { processID: 7, secretKey: 9, ssl, sslNegotiation: 'postgres' };
    return { ...session, host: 'a name of many servers', port: 1, connection: { stream } } as unknown as PoolClient;
  }

  it('sends the session and its key to the server of the client, and ends when that disconnects', async () => {
    let said: Buffer | undefined;
    serve = async (socket) => {
      [said] = await once(socket, 'data');
      socket.end();
    };
    assert.equal(await createCancelRequest()(clientOf()), true);
    assert.deepEqual(said, CANCEL_REQUEST);
  });

  it('is encrypted if the connections of the pool are', async () => {
    const said: Buffer[] = [];
    serve = async (socket) => {
      said.push((await once(socket, 'data'))[0]);
      socket.write('S');
      const secure = new TLSSocket(socket, { isServer: true, ...ofServer });
      said.push((await once(secure, 'data'))[0]);
      secure.end();
    };
    assert.equal(await createCancelRequest()(clientOf(ofClient)), true);
    assert.deepEqual(said, [SSL_REQUEST, CANCEL_REQUEST]);
  });

  it('is not sent in clear text to a server without TLS', async () => {
    const said: Buffer[] = [];
    serve = async (socket) => {
      said.push((await once(socket, 'data'))[0]);
      socket.on('data', (data: Buffer) => said.push(data));
      socket.write('N');
    };
    assert.equal(await createCancelRequest()(clientOf(ofClient)), false);
    assert.deepEqual(Buffer.concat(said), SSL_REQUEST);
  });

  it('reports an unknown result when the server does not disconnect', async () => {
    serve = async () => {};
    assert.equal(await createCancelRequest()(clientOf()), false);
  });

  it('stays open once it is sent, and keeps its turn until the server disconnects', async () => {
    const sent = new Set<Socket>();
    const gone = new Set<Socket>();
    serve = async (socket) => {
      socket.once('data', () => sent.add(socket)).once('close', () => gone.add(socket));
    };
    const cancel = createCancelRequest();
    const several = () => Promise.all(Array.from({ length: 6 }, () => cancel(clientOf())));
    // A machine that stalls for a second sends none.
    do assert.deepEqual(new Set(await several()), new Set([false]));
    while (sent.size === 0);
    assert.ok(sent.size <= 4, `${sent.size} requests`);
    assert.equal(sent.intersection(gone).size, 0);

    serve = async (socket) => {
      await once(socket, 'data');
      socket.end();
    };
    for (const socket of sent) socket.end();
    assert.equal(await cancel(clientOf()), true);
  });

  it('reports an unknown result when the server is unreachable', async () => {
    assert.equal(await createCancelRequest()(clientOf(false, 1)), false);
  });

  it('is one of four at a time', async () => {
    let open = 0;
    let most = 0;
    let four = Promise.withResolvers<void>();
    serve = async (socket) => {
      most = Math.max(most, ++open);
      const { promise, resolve } = four;
      if (open === 4) {
        four = Promise.withResolvers();
        // Room for a fifth to come too early.
        setTimeout(resolve, 20);
      }
      await promise;
      open -= 1;
      socket.end();
    };
    const cancel = createCancelRequest();
    assert.deepEqual(new Set(await Promise.all(Array.from({ length: 12 }, () => cancel(clientOf())))), new Set([true]));
    assert.equal(most, 4);
  });
});
