import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Registry } from 'prom-client';
import { type CallOptions, createClient, defineService, type Handlers, implement, int64, stream } from 'rpc-kit';
import { httpMetrics, serverMetrics } from 'rpc-kit/metrics';
import { z } from 'zod';
import { fail } from '../src/contract.ts';
import { PATIENT_MS } from './call-stubs.ts';
import { requestBytes, sendRaw } from './conformance/raw-http.ts';
import { type CommonOptions, HTTP_TRANSPORTS } from './http-transports.ts';
import { type Exceptions, onEachHost, type TestServer } from './mounts/hosts.ts';

const item = z.object({ nr: int64, text: z.string().optional() });
const shared = {
  params: z.strictObject({ topic: z.string(), from: int64.default(1n), after: int64.optional() }),
  result: stream(item, { id: 'nr', resume: 'after' }),
  errors: { no_such_topic: { code: 'not_found', message: 'There is no such topic' } },
  timeoutMs: PATIENT_MS,
  example: { params: { topic: 'a' }, result: { nr: 1 } },
} as const;
const news = defineService(
  'news',
  { summary: 'Sends what is new.', version: '1' },
  {
    watch: { summary: 'Watches a topic.', ...shared, reads: true },
    drain: { summary: 'Empties a topic.', ...shared },
    ping: {
      summary: 'Answers.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: PATIENT_MS,
      reads: true,
      example: { params: {}, result: {} },
    },
  },
);
type Watch = Handlers<typeof news.methods>['watch'];

/** Two items, and the end. */
const twoItems: Watch = async function* ({ topic, after = 0n }) {
  if (topic === 'none') throw fail(news.methods.watch, 'no_such_topic');
  for (const nr of [1n, 2n]) if (nr > after) yield { nr, text: topic };
};

/** One item, and then silence until the caller leaves. */
function silent() {
  const ended = Promise.withResolvers<unknown>();
  const handler: Watch = async function* (_params, { signal }) {
    signal.addEventListener('abort', () => ended.resolve(signal.reason.code));
    yield { nr: 1n };
    await new Promise(() => {});
  };
  return { handler, ended: ended.promise };
}

/** Large items without end. */
function flood() {
  const seen = { last: 0n, ended: Promise.withResolvers<void>() };
  const text = 'x'.repeat(64 * 1024);
  const handler: Watch = async function* () {
    try {
      for (;;) {
        seen.last += 1n;
        yield { nr: seen.last, text };
      }
    } finally {
      seen.ended.resolve();
    }
  };
  return { seen, handler };
}

interface Serving {
  readonly watch?: Watch;
  readonly registry?: Registry;
  readonly limits?: {
    readonly heartbeatMs?: number;
    readonly readerTimeoutMs?: number;
    readonly answerBytesMax?: number;
  };
  readonly allowedOrigins?: readonly string[];
}

const NOT_ON_ITS_WAY = {
  'does not begin on a server that stops': 'Hosts close idle connections at once; see the stop of a mounted service.',
};
const EXCEPTIONS: Exceptions = {
  'node:http': NOT_ON_ITS_WAY,
  Express: NOT_ON_ITS_WAY,
  Fastify: NOT_ON_ITS_WAY,
  Hono: NOT_ON_ITS_WAY,
};

onEachHost('A stream over HTTP', EXCEPTIONS, ({ host, serve: serveOn, it }) => {
  let open: AsyncDisposableStack;
  beforeEach(() => {
    open = new AsyncDisposableStack();
  });
  afterEach(() => open[Symbol.asyncDispose]());

  async function serve({ watch = twoItems, registry = new Registry(), ...options }: Serving = {}): Promise<TestServer> {
    const handlers = { watch, drain: watch, ping: async () => ({}) };
    const service = implement(news, handlers, { interceptors: [serverMetrics(registry)] });
    return open.use(await serveOn(service, { metrics: httpMetrics(registry), ...options }));
  }

  const post = (
    { url }: TestServer,
    body: string,
    path = '/watch',
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });

  const get = ({ url }: TestServer, query: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/watch?${query}`, { headers });

  async function readUntil(response: Response, wanted: RegExp): Promise<string> {
    let text = '';
    for await (const part of response.body ?? []) {
      text += Buffer.from(part).toString();
      if (wanted.test(text)) return text;
    }
    assert.fail(`the answer ended with ${JSON.stringify(text)}`);
  }

  it('is an event for each item, with its id, and an event at the end', async () => {
    const response = await post(await serve(), '{"topic":"a"}');
    const { status, headers } = response;
    assert.deepEqual(
      [status, ...['content-type', 'cache-control', 'x-accel-buffering'].map((name) => headers.get(name))],
      [200, 'text/event-stream', 'no-store, no-transform', 'no'],
    );
    assert.match(headers.get('x-request-id') ?? '', /./);
    assert.equal(
      await response.text(),
      'id: 1\ndata: {"nr":1,"text":"a"}\n\nid: 2\ndata: {"nr":2,"text":"a"}\n\nevent: end\ndata: {}\n\n',
    );
  });

  it('is asked for by GET with its params in the query, as a browser can', async () => {
    const server = await serve();
    const texts = ['topic=12&after=1', 'topic=%22a%20b%22&after=0', 'topic=null'].map(
      async (query) => (await (await get(server, query)).text()).match(/^data: .*$/m)?.[0],
    );
    assert.deepEqual(await Promise.all(texts), [
      'data: {"nr":2,"text":"12"}',
      'data: {"nr":1,"text":"\\"a b\\""}',
      'data: {"nr":1,"text":"null"}',
    ]);
  });

  it('is refused like any call before its first item: by the errors that it declares, and for params that are wrong', async () => {
    const server = await serve();
    const refusals = {
      'topic=none': [404, 'not_found', 'There is no such topic'],
      '': [400, 'invalid_params', 'Invalid params: topic: Invalid input: expected string, received undefined'],
      'topic=a&topic=b': [400, 'invalid_params', 'Invalid params: the query has a param twice'],
      'topic=a&after=x': [400, 'invalid_params', /^Invalid params: after: /],
      'topic=a&after=1.5': [400, 'invalid_params', /^Invalid params: after: /],
      'topic=a&__proto__=1': [400, 'invalid_params', /__proto__/],
      'topic=a&other=1': [400, 'invalid_params', /other/],
    } as const;
    for (const [query, [status, code, message]] of Object.entries(refusals)) {
      const response = await get(server, query);
      const { error } = (await response.json()) as { error: { code: string; message: string } };
      assert.deepEqual([response.status, error.code], [status, code], query);
      if (typeof message === 'string') assert.equal(error.message, message);
      else assert.match(error.message, message);
    }
    assert.equal((await post(server, '{')).status, 400);
  });

  it('takes no HEAD, and no GET when it changes something', async () => {
    const server = await serve();
    const verbs = async (path: string, method: string) => {
      const { status, headers } = await fetch(`${server.url}${path}`, { method });
      return [status, headers.get('allow')];
    };
    assert.deepEqual(await verbs('/watch?topic=a', 'HEAD'), [405, 'GET, POST']);
    assert.deepEqual(await verbs('/drain?topic=a', 'GET'), [405, 'POST']);
    assert.match(await (await post(server, '{"topic":"a"}', '/drain')).text(), /^id: 1$/m);
  });

  it('is not on /rpc, and the refusal says where it is', async () => {
    const call = { jsonrpc: '2.0', id: 1, method: 'watch', params: { topic: 'a' } };
    const response = await post(await serve(), JSON.stringify([call, { ...call, id: 2 }]), '/rpc');
    const answers = (await response.json()) as { error: { code: number; message: string } }[];
    const refused = [-32012, 'watch answers with a stream of items: call POST /watch or use gRPC'];
    assert.deepEqual(
      answers.map(({ error }) => [error.code, error.message]),
      [refused, refused],
    );
  });

  it('ends with an event that has the error, when it fails behind the first item', async () => {
    const server = await serve({
      async *watch() {
        yield { nr: 1n };
        throw fail(news.methods.watch, 'no_such_topic');
      },
    });
    const response = await post(server, '{"topic":"a"}', '/watch', { 'x-request-id': 'r1' });
    assert.equal(
      await response.text(),
      'id: 1\ndata: {"nr":1}\n\nevent: error\ndata: {"error":{"code":"not_found","reason":"no_such_topic","message":"There is no such topic","requestId":"r1"}}\n\n',
    );
  });

  it('fails as internal with an item that is too large, which costs nobody else', async () => {
    const server = await serve({
      limits: { answerBytesMax: 1_000 },
      async *watch() {
        yield { nr: 1n };
        yield { nr: 2n, text: 'x'.repeat(1_000) };
      },
    });
    assert.match(
      await (await post(server, '{"topic":"a"}')).text(),
      /^id: 1\n.*\n\nevent: error\ndata: .*"code":"internal"/,
    );
    assert.equal((await post(server, '{}', '/ping')).status, 200);
  });

  describe('is resumed by Last-Event-ID', () => {
    it('which takes the place of the param that an address repeats', async () => {
      const server = await serve();
      const text = await (await get(server, 'topic=a&after=0', { 'last-event-id': '1' })).text();
      assert.equal(text, 'id: 2\ndata: {"nr":2,"text":"a"}\n\nevent: end\ndata: {}\n\n');
      assert.match(await (await post(server, '{"topic":"a"}', '/watch', { 'last-event-id': '1' })).text(), /^id: 2$/m);
    });

    it('and answers 204 when nothing follows, so that a browser stops connecting', async () => {
      const { status, headers } = await get(await serve(), 'topic=a', { 'last-event-id': '2' });
      assert.deepEqual([status, headers.get('cache-control')], [204, 'no-store']);
    });

    it('and ignores an empty one, and refuses one that is no id', async () => {
      const server = await serve();
      assert.match(await (await get(server, 'topic=a', { 'last-event-id': '' })).text(), /^id: 1$/m);
      const refused = await get(server, 'topic=a', { 'last-event-id': 'x' });
      assert.deepEqual([refused.status, /"path":"after"/.test(await refused.text())], [400, true]);
    });
  });

  it('shows that it is alive while it has no item', async () => {
    const { handler } = silent();
    const response = await post(await serve({ watch: handler, limits: { heartbeatMs: 5 } }), '{"topic":"a"}');
    assert.match(await readUntil(response, /:\n\n:\n\n/), /^id: 1\ndata: \{"nr":1\}\n\n(:\n\n)+$/);
  });

  it('is cancelled when its reader leaves', async () => {
    const { handler, ended } = silent();
    const { port } = await serve({ watch: handler });
    const socket = connect(port, '127.0.0.1');
    socket.write(requestBytes({ path: '/watch', body: '{"topic":"a"}', headers: ['Content-Type: application/json'] }));
    await once(socket, 'data');
    socket.destroy();
    assert.equal(await ended, 'cancelled');
  });

  it('waits for a reader that takes nothing, keeps little for it, and drops it in the end', async () => {
    const { seen, handler } = flood();
    const { port } = await serve({ watch: handler, limits: { readerTimeoutMs: 200 } });
    const socket = connect(port, '127.0.0.1');
    socket.pause();
    socket.write(requestBytes({ path: '/watch', body: '{"topic":"a"}', headers: ['Content-Type: application/json'] }));
    await seen.ended.promise;
    // What the buffers of both sockets hold: the system lets them grow to some megabytes.
    assert.ok(seen.last < 500n, `${seen.last} items of 64 KiB were sent to a reader that took none`);
    socket.destroy();
  });

  it('is kept from the pages of other sites, and open to those that are listed', async () => {
    const server = await serve({ allowedOrigins: ['https://shop.example'] });
    const listed = await get(server, 'topic=a', { origin: 'https://shop.example' });
    assert.deepEqual([listed.status, listed.headers.get('access-control-allow-origin')], [200, 'https://shop.example']);
    assert.equal((await get(server, 'topic=a', { origin: 'https://evil.example' })).status, 403);
    await listed.body?.cancel();
  });

  it('ends at once with a stop, and says when to come back', async () => {
    const { handler } = silent();
    const server = await serve({ watch: handler });
    const response = await post(server, '{"topic":"a"}');
    const text = readUntil(response, /event: error\ndata: .*\n\n/);
    await readUntil(await post(server, '{"topic":"a"}'), /id: 1/);
    await server.close(60_000);
    const [, retry, code, retryAfterMs] =
      /\nretry: (\d+)\nevent: error\ndata: .*"code":"(\w+)".*"retryAfterMs":(\d+)/.exec(await text) ?? [];
    assert.deepEqual([code, retryAfterMs], ['unavailable', retry]);
    assert.ok(Number(retry) <= 1_000);
  });

  it('does not begin on a server that stops', async () => {
    const server = await serve();
    const socket = connect(server.port, '127.0.0.1');
    const bytes = (path: string) =>
      requestBytes({ path, body: '{"topic":"a"}' }).toString().replace('Connection: close\r\n', '');
    socket.write(bytes('/no_such'));
    await once(socket, 'data');
    const refused = sendRaw(socket, bytes('/watch'));
    await server.close();
    const { status, body } = await refused;
    const { code, retryAfterMs } = JSON.parse(body).error;
    assert.deepEqual([status, code, retryAfterMs <= 1_000], [503, 'unavailable', true]);
  });

  it('counts as one call with its items, and not by how long it took', async () => {
    const registry = new Registry();
    await (await post(await serve({ registry }), '{"topic":"a"}')).text();
    const text = await registry.metrics();
    assert.match(text, /^rpc_server_requests_total\{service="news",method="watch",code="ok"\} 1$/m);
    assert.match(text, /^rpc_server_stream_items_total\{service="news",method="watch"\} 2$/m);
    assert.doesNotMatch(text, /^rpc_server_duration_seconds_count\{service="news",method="watch"\} [1-9]/m);
  });

  // What the other hosts send is the same, so one client shows it.
  const transports = Object.entries(HTTP_TRANSPORTS).slice(0, host === 'serveHttp' ? 2 : 1);
  for (const [kind, createTransport] of transports)
    describe(`read by the client, ${kind},`, () => {
      const clientOf = ({ url }: { readonly url: string }, options: Partial<CommonOptions> = {}) =>
        createClient(news, open.use(createTransport(url, { userAgent: 'test', ...options })));

      it('gives its items, with the types of the contract', async () => {
        const client = clientOf(await serve());
        assert.deepEqual(await Array.fromAsync(client.watch({ topic: '½', from: 1n })), [
          { nr: 1n, text: '½' },
          { nr: 2n, text: '½' },
        ]);
        assert.deepEqual(await Array.fromAsync(client.watch({ topic: 'a', from: 1n, after: 2n })), []);
      });

      it('fails with the errors of the peer, before its first item and behind it', async () => {
        const server = await serve({
          async *watch({ topic }) {
            if (topic === 'b') yield { nr: 1n };
            throw fail(news.methods.watch, 'no_such_topic');
          },
        });
        const client = clientOf(server);
        const declared = { name: 'RpcError', code: 'not_found', reason: 'no_such_topic' };
        await assert.rejects(client.watch({ topic: 'a', from: 1n }).next(), declared);
        const items = client.watch({ topic: 'b', from: 1n });
        assert.equal((await items.next()).done, false);
        await assert.rejects(items.next(), declared);
      });

      it('passes on metadata and the deadline, which ends it on both sides', async () => {
        const { handler, ended } = silent();
        const seen: (CallOptions & { readonly name?: string | undefined })[] = [];
        const client = clientOf(
          await serve({
            watch(params, call) {
              seen.push({ requestId: call.requestId, name: call.caller.name });
              return handler(params, call);
            },
          }),
        );
        const items = client.watch({ topic: 'a', from: 1n }, { timeoutMs: 500, requestId: 'r1' });
        await items.next();
        await assert.rejects(items.next(), { code: 'deadline_exceeded' });
        assert.deepEqual(seen, [{ requestId: 'r1', name: 'test' }]);
        assert.match(String(await ended), /deadline_exceeded|cancelled/);
      });

      it('is cancelled on the server when the caller leaves the loop', async () => {
        const { handler, ended } = silent();
        for await (const _item of clientOf(await serve({ watch: handler })).watch({ topic: 'a', from: 1n })) break;
        assert.equal(await ended, 'cancelled');
      });

      it('is read no faster than its items are taken', async () => {
        const { seen, handler } = flood();
        const items = clientOf(await serve({ watch: handler })).watch({ topic: 'a', from: 1n });
        for (let nr = 1n; nr <= 100n; nr++) assert.equal((await items.next()).value?.nr, nr);
        assert.ok(seen.last < 600n, `${seen.last} items were sent for 100 that were taken`);
        await items.return();
        await seen.ended.promise;
      });

      it('takes no connection from calls, and is bounded in number', async () => {
        const { handler } = silent();
        const client = clientOf(await serve({ watch: handler }), { connections: 1, streamsMax: 2 });
        const streams = Array.from({ length: 2 }, () => client.watch({ topic: 'a', from: 1n }));
        for (const items of streams) await items.next();
        await client.ping({});
        await assert.rejects(client.watch({ topic: 'a', from: 1n }).next(), {
          code: 'resource_exhausted',
          message: 'This client has 2 streams of news open: close one first',
        });
        await streams[0]?.return();
        assert.equal((await client.watch({ topic: 'a', from: 1n }).next()).done, false);
      });

      it('fails as unavailable, with the pause, when the server stops', async () => {
        const { handler } = silent();
        const server = await serve({ watch: handler });
        const items = clientOf(server).watch({ topic: 'a', from: 1n });
        await items.next();
        const failed = assert.rejects(items.next(), (error: { code: string; retryAfterMs: number }) => {
          assert.deepEqual([error.code, error.retryAfterMs >= 0 && error.retryAfterMs <= 1_000], ['unavailable', true]);
          return true;
        });
        await server.close();
        await failed;
      });
    });
});
