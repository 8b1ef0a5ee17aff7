import assert from 'node:assert/strict';
import { createBalancer, createClient, dnsEndpoints, RpcError } from 'rpc-kit';
import type { GrpcTransportOptions } from '../../src/grpc/client/transport.ts';
import { encodeBinary, parseTimeout } from '../../src/grpc/metadata.ts';
import { encodeStatus } from '../../src/grpc/status.ts';
import { rawNumber } from '../../src/schema/json.ts';
import { createHttp2Peer, type Http2Peer } from './http2-peer.ts';
import { jsonCodec } from './json-codec.ts';
import { failureOf, openStock, type StockClient, stock } from './stock.ts';

const BASIC = `Basic ${Buffer.from('u:p@ss').toString('base64')}`;
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('A call of the gRPC client', () => {
  let open: AsyncDisposableStack;
  let peer: Http2Peer;

  beforeEach(async () => {
    open = new AsyncDisposableStack();
    peer = open.use(await createHttp2Peer(Buffer.from('{"count":9223372036854775807}')));
  });
  afterEach(() => open[Symbol.asyncDispose]());

  function openClient(options: Partial<GrpcTransportOptions> = {}, userinfo = ''): StockClient {
    const { client, transport } = openStock(`grpc://${userinfo}127.0.0.1:${peer.port}`, options);
    open.use(transport);
    return client;
  }
  const lastHeaders = () => peer.received.at(-1)?.headers ?? {};

  it('has the headers of gRPC, and its own metadata', async () => {
    const result = await openClient({ authorization: async () => 'Bearer t' }).count(
      { sku: 2n ** 63n - 1n },
      {
        requestId: 'r1',
        traceparent: TRACEPARENT,
        tracestate: 'a=1',
        baggage: 'shop=7',
        idempotencyKey: ' schlüssel "1"',
        timeoutMs: 5_000,
      },
    );
    assert.deepEqual(result, { count: 2n ** 63n - 1n });
    assert.equal(peer.received[0]?.message.toString(), '{"sku":9223372036854775807}');
    const { 'grpc-timeout': timeout, ...headers } = lastHeaders();
    assert.deepEqual(Object.fromEntries(Object.entries(headers)), {
      ':method': 'POST',
      ':path': '/test.stock/count',
      ':scheme': 'http',
      ':authority': `127.0.0.1:${peer.port}`,
      te: 'trailers',
      'content-type': 'application/grpc',
      'user-agent': 'test/1',
      'grpc-accept-encoding': 'identity,gzip',
      'x-request-id': 'r1',
      traceparent: TRACEPARENT,
      tracestate: 'a=1',
      baggage: 'shop=7',
      'idempotency-key': Buffer.from('" schlüssel \\"1\\""').toString('latin1'),
      authorization: 'Bearer t',
    });
    const timeoutMs = parseTimeout(String(timeout)) ?? 0;
    assert.ok(timeoutMs > 0 && timeoutMs <= 5_000, String(timeout));
  });

  it('has no metadata that it was not given', async () => {
    await openClient().count({ sku: 1n });
    const { traceparent, tracestate, baggage, authorization, 'idempotency-key': key } = lastHeaders();
    assert.deepEqual([traceparent, tracestate, baggage, authorization, key], Array(5).fill(undefined));
  });

  it('has the userinfo of the URL in place of a token', async () => {
    await openClient({ authorization: () => 'Bearer t' }, 'u:p%40ss@').count({ sku: 1n });
    assert.equal(lastHeaders().authorization, BASIC);
  });

  it('names the host that it is given', async () => {
    await openClient({ host: 'loms:9081' }).count({ sku: 1n });
    assert.equal(lastHeaders()[':authority'], 'loms:9081');
  });

  it('is refused before it is sent when no header can carry its metadata', async () => {
    const client = openClient();
    for (const options of [
      { idempotencyKey: 'a\nb' },
      { idempotencyKey: 'k'.repeat(256) },
      { requestId: 'a\0b' },
      { traceparent: '00\r\nx-evil: 1' },
    ]) {
      const { code, message } = await failureOf(client.count({ sku: 1n }, options));
      assert.deepEqual([code, message], ['invalid_request', 'A header cannot carry the metadata of the call']);
    }
    const { code } = await failureOf(openClient({ authorization: () => 'Bearer t\0x' }).count({ sku: 1n }));
    assert.equal(code, 'invalid_request');
    assert.equal(peer.received.length, 0);
  });

  it('may be larger than the windows of HTTP/2', async () => {
    const message = JSON.stringify({ count: 5, padding: 'x'.repeat(3_000_000) });
    await using large = await createHttp2Peer(Buffer.from(message));
    const codec = jsonCodec(stock);
    const count = codec.byName.get('count');
    assert.ok(count);
    const padded = { ...count, params: { encode: () => Buffer.from(message) } };
    const url = `grpc://127.0.0.1:${large.port}`;
    const { client, transport } = openStock(url, { codec: { byName: new Map([['count', padded]]) } });
    await using _open = transport;
    assert.deepEqual(await Promise.all([1n, 2n, 3n].map((sku) => client.count({ sku }))), Array(3).fill({ count: 5n }));
    assert.equal(large.received[0]?.message.length, message.length);
  });

  it('that fails has the code, reason, details, pause and request id of its answer', async () => {
    const details = jsonCodec(stock).byName.get('count')?.details;
    const sent = new RpcError('not_found', 'There is none: 5 %', {
      reason: 'no_such_sku',
      details: { sku: rawNumber('9223372036854775807') },
      retryAfterMs: 1_500,
    });
    const bytes = encodeStatus(sent, { domain: 'test.stock', requestId: 'r7', details });
    peer.trailers = {
      'grpc-status': '5',
      'grpc-message': 'There is none: 5 %25',
      'grpc-status-details-bin': encodeBinary(bytes),
    };
    const {
      code,
      message,
      reason,
      details: received,
      retryAfterMs,
      requestId,
    } = await failureOf(openClient().count({ sku: 1n }));
    assert.deepEqual(
      { code, message, reason, received, retryAfterMs, requestId },
      {
        code: 'not_found',
        message: 'There is none: 5 %',
        reason: 'no_such_sku',
        received: { sku: 2n ** 63n - 1n },
        retryAfterMs: 1_500,
        requestId: 'r7',
      },
    );
  });

  it('that fails keeps its status when its details cannot be read', async () => {
    peer.trailers = { 'grpc-status': '5', 'grpc-message': 'no', 'grpc-status-details-bin': '****' };
    const { code, message } = await failureOf(openClient().count({ sku: 1n }));
    assert.deepEqual([code, message], ['not_found', 'no']);
  });

  it('of a method that the codec does not know is method_not_found', async () => {
    const error = await failureOf(openClient({ codec: { byName: new Map() } }).count({ sku: 1n }));
    assert.equal(error.code, 'method_not_found');
  });

  it('reaches every address of a name', async () => {
    const looked = Promise.withResolvers<void>();
    const endpoints = dnsEndpoints(`grpc://u:p%40ss@peer.invalid:${peer.port}`, { resolve: async () => ['127.0.0.1'] });
    const seen: string[] = [];
    const balancer = createBalancer({
      endpoints,
      connect: (url) => openStock(url).transport,
      on: { join: ({ endpoint }) => seen.push(endpoint), leave: () => looked.resolve() },
    });
    open.use(balancer);
    await looked.promise;
    assert.deepEqual(await createClient(stock, balancer).count({ sku: 1n }), { count: 2n ** 63n - 1n });
    assert.equal(lastHeaders().authorization, BASIC);
    assert.deepEqual(seen, [`grpc://peer.invalid:${peer.port}`, `grpc://127.0.0.1:${peer.port}`]);
  });

  it('is not made by a URL of which a part could not be honoured', () => {
    for (const url of [
      'http://host:1',
      'grpc://host',
      'grpc://host:0',
      'grpc://host:1/path',
      'grpc://host:1?x=1',
      'grpc://host:1#x',
      'dns+grpc://host:1',
      'grpc:host:1',
      'grpc://u:%@host:1',
    ]) {
      assert.throws(() => openStock(url), TypeError, url);
    }
    for (const url of ['grpc://host', 'grpc://host:1/path']) assert.throws(() => dnsEndpoints(url), TypeError, url);
  });

  it('is not made with limits outside their range', () => {
    for (const limit of ['sessionsMax', 'streamsMax', 'waitingMax', 'sessionCallsMax', 'answerBytesMax']) {
      for (const value of [0, -1, 1.5, Number.NaN]) {
        assert.throws(() => openStock('grpc://host:1', { [limit]: value }), RangeError, limit);
      }
    }
  });
});
