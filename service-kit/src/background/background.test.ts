import assert from 'node:assert/strict';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { RpcError } from 'rpc-kit';
import { pauseMs, startBackground } from './background.ts';

describe('startBackground', () => {
  const logger = pino({ level: 'silent' });

  it('shows how many rounds have failed in a row, and 0 once one has gone well', async () => {
    const registry = new Registry();
    const shown: unknown[] = [];
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const outcomes = ['fails', 'fails', 'goes well', 'the end'];
    await using _work = startBackground({
      name: 'try',
      logger,
      registry,
      idleMs: 1,
      async round() {
        const { values = [] } = (await registry.getSingleMetric('background_failures_in_a_row')?.get()) ?? {};
        shown.push(values.map(({ labels, value }) => [labels.background, value]));
        const outcome = outcomes.shift();
        if (outcome === 'fails') throw new Error('it does not work');
        if (outcome === 'the end') finish();
        return false;
      },
    });
    await done;
    assert.deepEqual(shown.slice(0, 4), [[['try', 0]], [['try', 1]], [['try', 2]], [['try', 0]]]);
  });

  it('logs a peer that is unavailable in a line without a stack, and anything else with its stack', async () => {
    const lines: { level: number; why?: string; err?: { stack: string } }[] = [];
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    const failures = [new RpcError('unavailable', 'accounts cannot be reached'), new Error('it does not work')];
    await using _work = startBackground({
      name: 'try',
      logger: pino({}, { write: (line: string) => lines.push(JSON.parse(line)) }),
      idleMs: 1,
      async round() {
        const failure = failures.shift();
        if (failure) throw failure;
        finish();
        return false;
      },
    });
    await done;
    const [away, broken] = lines;
    assert.deepEqual([away?.level, away?.why, away?.err], [40, 'accounts cannot be reached', undefined]);
    assert.equal(broken?.level, 50);
    assert.match(broken?.err?.stack ?? '', /it does not work/);
  });

  it('pauses no longer than until more is due', async () => {
    const { promise: again, resolve } = Promise.withResolvers<void>();
    let rounds = 0;
    await using _work = startBackground({
      name: 'try',
      logger,
      idleMs: 3_600_000,
      async round() {
        if (++rounds === 3) resolve();
        return rounds < 3 ? 1 : false;
      },
    });
    await again;
    assert.equal(rounds, 3);
  });

  it('pauses twice as long with each idle round, and no longer than until more is due', () => {
    const pauses = (dueMs: number) =>
      [0, 1, 2, 3, 2_000].map((idleRounds) =>
        pauseMs({ failures: 0, idleRounds, dueMs }, { idleMs: 100, idleMaxMs: 500 }),
      );
    assert.deepEqual(pauses(Number.POSITIVE_INFINITY), [100, 200, 400, 500, 500]);
    assert.deepEqual(pauses(250), [100, 200, 250, 250, 250]);
    assert.equal(pauseMs({ failures: 0, idleRounds: 7, dueMs: 9_000 }, { idleMs: 1_000 }), 1_000);
  });

  it('backs off after failed rounds from a tenth of a second on, whatever its pauses are', () => {
    const pauses = (limits: { idleMs: number; idleMaxMs?: number }) =>
      [1, 2, 10, 2_000].map((failures) => pauseMs({ failures, idleRounds: 3, dueMs: 1 }, limits));
    assert.deepEqual(pauses({ idleMs: 10 }), [20, 40, 5_000, 5_000]);
    assert.deepEqual(pauses({ idleMs: 100, idleMaxMs: 1_000 }), [200, 400, 5_000, 5_000]);
    assert.deepEqual(pauses({ idleMs: 60_000 }), [200, 400, 60_000, 60_000]);
  });

  it('gives several works of a process one instrument', async () => {
    const registry = new Registry();
    const work = { logger, registry, idleMs: 1_000, round: async () => false };
    await using _one = startBackground({ ...work, name: 'one' });
    await using _two = startBackground({ ...work, name: 'two' });
    assert.match(await registry.metrics(), /\{background="one"\} 0\n.*\{background="two"\} 0/);
  });
});
