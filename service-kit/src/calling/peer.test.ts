import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { defineService, implement, serveHttp } from 'rpc-kit';
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

describe('A peer', () => {
  for (const scheme of ['http', 'dns+http']) {
    it(`is reached by ${scheme}`, async () => {
      const logger = pino({ level: 'silent' });
      const service = implement(echo, { say: async () => ({ ok: true }) });
      await using server = await serveHttp(service, { host: '127.0.0.1', port: 0, logger });
      const registry = new Registry();
      const urls = [`${scheme}://localhost:${server.port}`];
      await using peer = openPeer(echo, { urls, userAgent: 'test/1', registry, logger });
      assert.deepEqual(await peer.client.say({}), { ok: true });
    });
  }
});
