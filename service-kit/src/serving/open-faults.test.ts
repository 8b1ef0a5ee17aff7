import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createClient, defineService, type Interceptor, implement, parseFaults } from 'rpc-kit';
import { z } from 'zod';
import { openFaults } from './open-faults.ts';
import { type ServingParts, serviceOptions } from './serving.ts';

const bell = defineService(
  'bell',
  { summary: 'Rings.', version: '0.1.0' },
  {
    ring: {
      summary: 'Rings.',
      params: z.strictObject({}),
      result: z.object({}),
      timeoutMs: 5_000,
      example: { params: {}, result: {} },
    },
  },
);

describe('FAULTS', () => {
  let registry: Registry;
  beforeEach(() => {
    registry = new Registry();
  });

  function ringing(configured: readonly Interceptor[], parts: Partial<ServingParts> = {}) {
    const rung = { times: 0 };
    const ring = async () => {
      rung.times += 1;
      return {};
    };
    const options = serviceOptions({ logger: pino({ level: 'silent' }), registry, configured, ...parts });
    const service = implement(bell, { ring }, options);
    return { rung, service, client: createClient(bell, service) };
  }

  it('drops the answer of a call that was executed, and the journal has the call as executed', async () => {
    const faults = openFaults(bell, parseFaults('ring:drop:1'), { logger: pino({ level: 'silent' }), registry });
    const saved: string[] = [];
    const journal = { save: async ({ code }: { code: string }) => void saved.push(code) };
    const { rung, service, client } = ringing(faults, { journal });
    await assert.rejects(client.ring({}), { code: 'unavailable' });
    assert.equal(rung.times, 1);
    await service.drain(1_000);
    assert.deepEqual(saved, ['ok']);
    assert.match(await registry.metrics(), /rpc_faults_injected_total\{method="ring",kind="drop"\} 1/);
  });

  it('warns at the start, and names the seed that repeats the run', () => {
    const lines: { level: number; seed?: number; msg: string }[] = [];
    const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
    openFaults(bell, parseFaults('ring:drop:0.5,seed:7'), { logger, registry });
    openFaults(bell, parseFaults('ring:drop:0.5'), { logger, registry });
    const [given, chosen] = lines;
    assert.deepEqual([given?.level, given?.seed], [40, 7]);
    assert.match(given?.msg ?? '', /^FAULTS is set: this process delays and fails calls on purpose$/);
    assert.ok(Number.isInteger(chosen?.seed));
  });

  it('refuses a method that the service does not have, in a sentence', () => {
    const open = () => openFaults(bell, parseFaults('sing:drop:0.5'), { logger: pino({ level: 'silent' }), registry });
    assert.throws(open, { name: 'ConfigError', message: 'FAULTS is wrong: bell has no method "sing"' });
  });

  it('changes nothing while it is unset', async () => {
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => void lines.push(line) });
    const faults = openFaults(bell, undefined, { logger, registry });
    assert.deepEqual(faults, []);
    await ringing(faults).client.ring({});
    assert.deepEqual(lines, []);
  });
});
