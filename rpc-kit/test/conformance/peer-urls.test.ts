import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { createBalancer } from '../../src/calling/balancer.ts';
import { dnsEndpoints } from '../../src/calling/dns-endpoints.ts';
import { createClient } from '../../src/client.ts';
import { createHttpTransport } from '../../src/http/client/transport.ts';
import { shop } from '../call-stubs.ts';

const BASIC = `Basic ${Buffer.from('u:p@ss').toString('base64')}`;

describe('the URL of a peer', () => {
  let port: number;
  let requests: string[];
  const server = createServer(async (request, response) => {
    requests.push(`${request.url} ${request.headers.authorization}`);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(await resultOf(request)));
  });

  async function resultOf(request: IncomingMessage): Promise<unknown> {
    const call = (await json(request)) as { id?: number } | { id: number }[];
    const answer = (id?: number) => ({ jsonrpc: '2.0', id, result: {} });
    if (Array.isArray(call)) return call.map(({ id }) => answer(id));
    return call.id === undefined ? {} : answer(call.id);
  }

  before(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  beforeEach(() => {
    requests = [];
  });
  after(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  it('sends its userinfo and its query with every call, alone and in a batch', async () => {
    await using transport = createHttpTransport(`http://u:p%40ss@127.0.0.1:${port}/base/?x=1`, { userAgent: 'test' });
    const client = createClient(shop, transport);
    await client.look({});
    await Promise.all([client.look({}), client.look({})]);
    assert.deepEqual(requests, [`/base/rpc?x=1 ${BASIC}`, `/base/rpc?x=1 ${BASIC}`]);
  });

  it('does so on the plain face', async () => {
    const options = { userAgent: 'test', face: 'plain' } as const;
    await using transport = createHttpTransport(`HTTP://u:p%40ss@127.0.0.1:${port}?x=1`, options);
    await createClient(shop, transport).look({});
    assert.deepEqual(requests, [`/look?x=1 ${BASIC}`]);
  });

  it('is sent in place of a token', async () => {
    const options = { userAgent: 'test', authorization: () => 'Bearer x' };
    await using transport = createHttpTransport(`http://u:p@127.0.0.1:${port}`, options);
    await createClient(shop, transport).look({});
    assert.deepEqual(requests, [`/rpc Basic ${btoa('u:p')}`]);
  });

  it('keeps all its parts when its name is looked up', async () => {
    const looked = Promise.withResolvers<void>();
    const seen: string[] = [];
    const endpoints = dnsEndpoints(`http://u:p%40ss@peer.invalid:${port}/base//?x=1`, {
      resolve: async () => ['127.0.0.1'],
    });
    await using balancer = createBalancer({
      endpoints,
      connect: (url) => createHttpTransport(url, { userAgent: 'test' }),
      on: {
        join: ({ endpoint }) => seen.push(endpoint),
        leave: () => looked.resolve(),
      },
    });
    await looked.promise;
    await createClient(shop, balancer).look({});
    assert.deepEqual(requests, [`/base//rpc?x=1 ${BASIC}`]);
    assert.deepEqual(seen, [`http://peer.invalid:${port}/base//`, `http://127.0.0.1:${port}/base//`]);
    assert.deepEqual(
      balancer.endpoints.map(({ url }) => url),
      [`http://127.0.0.1:${port}/base//`],
    );
  });

  it('is refused where a part of it could not be honoured', () => {
    for (const url of ['http://host/#part', 'ftp://host', 'dns+http://host', 'host:8080', 'http://u:%@host']) {
      assert.throws(() => createHttpTransport(url, { userAgent: 'test' }), TypeError, url);
      assert.throws(() => dnsEndpoints(url), TypeError, url);
    }
  });
});
