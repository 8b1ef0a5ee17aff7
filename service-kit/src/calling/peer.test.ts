import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { defineService, implement, serveHttp } from 'rpc-kit';
import { createServiceCodec, serveGrpc, updateLock } from 'rpc-kit/grpc';
import { z } from 'zod';
import { openPeer } from './peer.ts';

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
});
