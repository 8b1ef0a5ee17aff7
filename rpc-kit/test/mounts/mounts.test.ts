import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { createClient, createHttpTransport } from 'rpc-kit';
import { httpMetrics } from 'rpc-kit/metrics';
import { requestBytes } from '../conformance/raw-http.ts';
import { createSubject, subject } from '../conformance/subject.ts';
import { MOUNTS, type TestServer } from './hosts.ts';
import { createStalling } from './stalling-service.ts';

const JSON_BODY = { 'content-type': 'application/json' };
const post = (url: string): Promise<Response> => fetch(url, { method: 'POST', headers: JSON_BODY, body: '{}' });

for (const { name, serve } of MOUNTS) {
  describe(`a service on ${name}`, () => {
    describe('below a path', () => {
      const registry = new Registry();
      let server: TestServer;
      before(async () => {
        server = await serve(createSubject().service, {
          prefix: '/shop/prices',
          pages: ['/docs', '/openrpc.json', '/openapi.json'],
          metrics: httpMetrics(registry),
        });
      });
      after(() => server.close());

      const at = (path: string): string => `${server.url}/shop/prices${path}`;
      const statusOf = async (path: string, init?: RequestInit): Promise<number> =>
        (await fetch(at(path), init)).status;

      it("answers this kit's client on both faces, also calls in a batch", async () => {
        for (const face of ['rpc', 'plain'] as const) {
          await using transport = createHttpTransport(at(''), { userAgent: 'test', face });
          const client = createClient(subject, transport);
          assert.deepEqual(
            await Promise.all([client.sum({ a: 1, b: 2, c: 4 }), client.echo({ int64: 2n ** 62n + 1n })]),
            [7, { int64: 2n ** 62n + 1n }],
          );
        }
      });

      it('says in its documents where it is', async () => {
        const openRpc = (await (await fetch(at('/openrpc.json'))).json()) as { servers: { url: string }[] };
        assert.deepEqual(
          openRpc.servers.map(({ url }) => url),
          [at('/rpc')],
        );
        const openApi = (await (await fetch(at('/openapi.json'))).json()) as {
          servers: { url: string }[];
          paths: object;
        };
        assert.deepEqual(
          openApi.servers.map(({ url }) => url),
          ['/shop/prices'],
        );
        assert.deepEqual(
          Object.keys(openApi.paths).filter((path) => path.endsWith('z') || path === '/metrics'),
          [],
        );
      });

      it('shows its documentation to a browser that asks for it', async () => {
        const headers = { accept: 'text/html' };
        for (const path of ['', '/']) {
          const { status, headers: answered } = await fetch(at(path), { headers, redirect: 'manual' });
          assert.deepEqual([status, answered.get('location')], [302, '/shop/prices/docs'], path);
        }
        const page = await (await fetch(at('/docs'))).text();
        assert.match(page, /href="openrpc\.json"/);
        assert.doesNotMatch(page, /healthz|href="\//);
      });

      it('leaves pages of health and metrics to its host, and everything beside the path', async () => {
        for (const path of ['/healthz', '/readyz', '/metrics', '/no_such'])
          assert.equal(await statusOf(path), 404, path);
        const { error } = (await (await fetch(at('/no_such'))).json()) as { error: { message: string } };
        assert.equal(error.message, 'Nothing is at this address; GET /shop/prices/docs lists what there is');
        assert.equal((await post(`${server.url}/greeting`)).status, 404);
      });

      it('counts its requests by their whole address', async () => {
        await (await post(at('/greeting'))).text();
        const text = await registry.metrics();
        assert.match(text, /^http_requests_total\{verb="POST",route="\/shop\/prices\/greeting",status="200"\} [1-9]/m);
        assert.match(text, /^http_requests_total\{verb="POST",route="\/shop\/prices\/rpc",status="200"\} [1-9]/m);
      });
    });

    it('cancels the call of a caller that leaves, before its body is there too', async () => {
      const { service, nextCall, cancelled } = createStalling();
      const registry = new Registry();
      await using server = await serve(service, { metrics: httpMetrics(registry) });
      const begun = nextCall();
      const socket = connect(server.port, '127.0.0.1');
      socket.write(requestBytes({ path: '/wait', body: '{}' }));
      await begun;
      socket.destroy();
      assert.equal(await cancelled, 'cancelled');
      const half = connect(server.port, '127.0.0.1');
      half.write('POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{');
      await once(half, 'connect');
      half.destroy();
      while (!/^http_errors_total\{route="\/wait",kind="aborted"\} 2$/m.test(await registry.metrics()))
        await nextTurn();
    });

    it('stops: ends its streams, waits for calls in flight and their deferred tasks, and refuses what comes later', async () => {
      const { service, goOn, nextCall, deferred } = createStalling();
      await using server = await serve(service);
      const [watching, watched] = [nextCall(), post(`${server.url}/watch`)];
      const stream = await watched;
      await watching;
      const [waiting, answered] = [nextCall(), post(`${server.url}/wait`)];
      await waiting;
      const stopped = server.mounted.close(60_000);
      assert.match(await stream.text(), /event: error\ndata: .*"code":"unavailable"/);
      assert.equal((await fetch(`${server.url}/readyz`)).status, 503);
      assert.deepEqual(
        [(await post(`${server.url}/watch`)).status, (await post(`${server.url}/whoami`)).status],
        [503, 200],
      );
      goOn();
      assert.equal((await answered).status, 200);
      await stopped;
      assert.deepEqual(deferred, ['wait']);
      const late = await post(`${server.url}/whoami`);
      const { error } = (await late.json()) as { error: { code: string; message: string } };
      assert.deepEqual([late.status, error.code, error.message], [503, 'unavailable', 'The service stops']);
    });

    it('cancels calls that outlast the drain, whose callers get an answer', async () => {
      const { service, nextCall, cancelled } = createStalling();
      await using server = await serve(service);
      const [waiting, answered] = [nextCall(), post(`${server.url}/wait`)];
      await waiting;
      await server.mounted.close(1);
      assert.equal(await cancelled, 'unavailable');
      assert.equal((await answered).status, 503);
    });

    it('does not start with a prefix that is no path, or a limit outside its range', async () => {
      const { service } = createSubject();
      for (const prefix of ['prices', '/', '/prices/', '/a b', '/a?b']) {
        await assert.rejects(serve(service, { prefix }), { name: 'TypeError' });
      }
      await assert.rejects(serve(service, { limits: { bodyBytesMax: 0 } }), { name: 'RangeError' });
      // Not even an error would fit.
      await assert.rejects(serve(service, { limits: { answerBytesMax: 999 } }), { name: 'RangeError' });
    });
  });
}
