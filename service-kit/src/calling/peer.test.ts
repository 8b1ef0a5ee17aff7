import assert from 'node:assert/strict';
import { once } from 'node:events';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { defineService, implement, type Service, serveHttp } from 'rpc-kit';
import { createServiceCodec, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { z } from 'zod';
import { openPeer, type PeerOptions } from './peer.ts';

const echo = defineService(
  'echo',
  { summary: 'Says that it was reached.', version: '0.1.0' },
  {
    say: {
      summary: 'Says it.',
      params: z.strictObject({}),
      result: z.object({ ok: z.boolean() }),
      timeoutMs: 5_000,
      reads: true,
      example: { params: {}, result: { ok: true } },
    },
  },
);

const logger = pino({ level: 'silent' });
const at = { host: '127.0.0.1', port: 0, logger };
const service = implement(echo, { say: async () => ({ ok: true }) });
const lock = updateLock({ package: 'test', services: {} }, [echo]);

describe('A peer', () => {
  for (const [scheme, serve] of [
    ['http', () => serveHttp(service, at)],
    ['dns+http', () => serveHttp(service, at)],
    ['grpc', () => serveGrpc(service, { ...at, codec: createServiceCodec(echo, lock) })],
    ['dns+grpc', () => serveGrpc(service, { ...at, codec: createServiceCodec(echo, lock) })],
  ] as const) {
    it(`is reached by ${scheme}`, async () => {
      await using server = await serve();
      const registry = new Registry();
      const urls = [`${scheme}://localhost:${server.port}`];
      await using peer = openPeer(echo, { urls, userAgent: 'test/1', registry, logger, lock });
      assert.deepEqual(await peer.client.say({}), { ok: true });
      const metrics = await registry.metrics();
      assert.match(metrics, new RegExp(`endpoint="${scheme.replace('dns+', '')}://[^"/]+:${server.port}"`));
    });
  }

  for (const [scheme, serve] of [
    ['http', (service: Service) => serveHttp(service, at)],
    ['grpc', (service: Service) => serveGrpc(service, { ...at, codec: createServiceCodec(echo, lock) })],
  ] as const) {
    /** Two replicas, of which the first to be asked answers never; `left` resolves when its caller has left. */
    async function openReplicas(options: Pick<PeerOptions, 'hedge' | 'retries'>) {
      await using open = new AsyncDisposableStack();
      const left = Promise.withResolvers<void>();
      const asked: string[] = [];
      const replica = (name: string) =>
        implement(echo, {
          async say(_params, { signal }) {
            asked.push(name);
            if (asked.length > 1) return { ok: true };
            await once(signal, 'abort');
            left.resolve();
            return { ok: false };
          },
        });
      const servers = [open.use(await serve(replica('one'))), open.use(await serve(replica('two')))];
      const registry = new Registry();
      const urls = servers.map(({ port }) => `${scheme}://127.0.0.1:${port}`);
      const { client } = open.use(openPeer(echo, { urls, userAgent: 'test/1', registry, logger, lock, ...options }));
      const opened = open.move();
      return { client, registry, asked, left: left.promise, [Symbol.asyncDispose]: () => opened.disposeAsync() };
    }

    it(`asks another replica where one is slow and hedging is on, and cancels the first call, by ${scheme}`, async () => {
      await using replicas = await openReplicas({ hedge: { afterMs: 20 } });
      assert.deepEqual(await replicas.client.say({}), { ok: true });
      await replicas.left;
      assert.deepEqual(replicas.asked.toSorted(), ['one', 'two']);
      const counted = 'rpc_client_hedges_total{peer="echo",method="say",outcome="won"} 1';
      assert.ok((await replicas.registry.metrics()).includes(counted));
    });

    it(`asks once where hedging is off, and where nothing is retried, by ${scheme}`, async () => {
      for (const options of [{}, { hedge: 'off' }, { hedge: { afterMs: 1 }, retries: false }] as const) {
        await using replicas = await openReplicas(options);
        await assert.rejects(replicas.client.say({}, { timeoutMs: 100 }), { code: 'deadline_exceeded' });
        assert.equal(replicas.asked.length, 1);
      }
    });
  }
});
