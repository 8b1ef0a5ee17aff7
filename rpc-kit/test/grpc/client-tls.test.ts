import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import type { RpcError, TlsFiles } from 'rpc-kit';
import type { GrpcTransportOptions } from '../../src/grpc/client/transport.ts';
import { TLS_FILES } from '../certificates.ts';
import { createHttp2Peer, type Http2Peer } from './http2-peer.ts';
import { createRawPeer } from './raw-peer.ts';
import { failureOf, openStock, type StockClient } from './stock.ts';

const { good, renewed, expired, misnamed, foreign } = TLS_FILES;

describe('The gRPC client by mutual TLS', () => {
  let open: AsyncDisposableStack;
  beforeEach(() => {
    open = new AsyncDisposableStack();
  });
  afterEach(() => open[Symbol.asyncDispose]());

  async function serve(files: TlsFiles): Promise<Http2Peer> {
    const options = { ...files, requestCert: true, rejectUnauthorized: true };
    return open.use(await createHttp2Peer(Buffer.from('{"count":5}'), options));
  }
  function openClient(url: string, options: Partial<GrpcTransportOptions> = {}): StockClient {
    const { client, transport } = openStock(url, options);
    open.use(transport);
    return client;
  }
  const refusalOf = async (client: StockClient): Promise<string> => {
    const error: RpcError = await failureOf(client.count({ sku: 1n }));
    assert.deepEqual([error.code, error.message, error.neverSent], ['unavailable', 'stock cannot be reached', true]);
    return (error.cause as Error | undefined)?.message ?? '';
  };

  it('calls a peer of the same authority', async () => {
    const { port, received } = await serve(good);
    const client = openClient(`grpcs://localhost:${port}`, { tls: () => good });
    assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
    assert.equal(received[0]?.headers[':scheme'], 'https');
  });

  it('calls an address by the name that its certificate bears', async () => {
    const { port } = await serve(good);
    const named = openClient(`grpcs://127.0.0.1:${port}`, { tls: () => good, host: `loms:${port}` });
    assert.deepEqual(await named.count({ sku: 1n }), { count: 5n });
    const misled = openClient(`grpcs://127.0.0.1:${port}`, { tls: () => good, host: `products:${port}` });
    assert.match(await refusalOf(misled), /its certificate names DNS:loms, .* and not products/);
  });

  for (const [what, server, client, sentence] of [
    ['whose certificate names others', misnamed, good, /its certificate names DNS:notifications, and not 127\.0\.0\.1/],
    ['whose certificate has expired', expired, good, /its certificate has expired: renew it/],
    ['of another authority', foreign, good, /not from an authority that this service trusts/],
    [
      'that trusts another authority',
      good,
      { ...foreign, ca: good.ca },
      /it may not trust the certificate of this service/,
    ],
  ] as const) {
    it(`never sends a call to a peer ${what}, and says why`, async () => {
      const { port } = await serve(server);
      assert.match(await refusalOf(openClient(`grpcs://127.0.0.1:${port}`, { tls: () => client })), sentence);
    });
  }

  it('asks for the files at each new connection', async () => {
    const { port } = await serve(good);
    let asked = 0;
    const tls = (): TlsFiles => {
      asked += 1;
      return asked % 2 ? good : renewed;
    };
    const client = openClient(`grpcs://127.0.0.1:${port}`, { tls, sessionCallsMax: 1 });
    for (let calls = 0; calls < 3; calls++) await client.count({ sku: 1n });
    assert.equal(asked, 3);
  });

  it('never sends a call with certificates that cannot be used', async () => {
    const { port } = await serve(good);
    let files = { ...good, cert: 'no certificate' };
    const client = openClient(`grpcs://127.0.0.1:${port}`, { tls: () => files });
    await refusalOf(client);
    files = good;
    assert.deepEqual(await client.count({ sku: 1n }), { count: 5n });
  });

  it('never sends a call by TLS to a port without it, nor without TLS to a port with it', async () => {
    const plain = open.use(await createRawPeer());
    const secure = openClient(`grpcs://127.0.0.1:${plain.port}`, { tls: () => good });
    assert.match(await refusalOf(secure), /its port does not speak TLS/);
    const { port } = await serve(good);
    await refusalOf(openClient(`grpc://127.0.0.1:${port}`));
  });

  it('never sends a call to a peer that does not choose HTTP/2', async () => {
    const server = createServer({ ...good, ALPNProtocols: ['http/1.1'] }, (socket) => socket.on('error', () => {}));
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.defer(() => void server.close());
    const { port } = server.address() as AddressInfo;
    await refusalOf(openClient(`grpcs://127.0.0.1:${port}`, { tls: () => good }));
  });
});
