import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { adaptiveLimit } from './adaptive-limit.ts';
import type { ConcurrencyLimit, Priority } from './concurrency-limit.ts';

const TIMEOUT_MS = 1_000;
const never = new AbortController().signal;

interface Load {
  readonly priority: Priority;
  readonly perSecond: number;
}

/** A service that works on one call after the other behind the limit, by a fake clock. */
class SimulatedService {
  readonly #clock: sinon.SinonFakeTimers;
  readonly #limit: ConcurrencyLimit;
  readonly #perSecond: number;
  #freeAt = 0;
  /** When each call was answered in time, by priority. */
  readonly answeredAt: Record<Priority, number[]> = { high: [], normal: [], low: [] };
  readonly latencies: number[] = [];

  constructor(clock: sinon.SinonFakeTimers, limit: ConcurrencyLimit, perSecond: number) {
    this.#clock = clock;
    this.#limit = limit;
    this.#perSecond = perSecond;
  }

  async call(priority: Priority): Promise<void> {
    const arrivedAt = performance.now();
    const slot =
      this.#limit.tryAcquire(priority, TIMEOUT_MS) ?? (await this.#limit.wait?.(priority, TIMEOUT_MS, never));
    if (!slot) return;
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + 1_000 / this.#perSecond;
    await new Promise((resolve) => setTimeout(resolve, Math.ceil(this.#freeAt - performance.now())));
    const ms = performance.now() - arrivedAt;
    slot.release(true);
    this.latencies.push(ms);
    if (ms <= TIMEOUT_MS) this.answeredAt[priority].push(performance.now());
  }

  async offer(loads: readonly Load[], ms: number): Promise<void> {
    const timers = loads.map(({ priority, perSecond }) => {
      let due = 0;
      return setInterval(() => {
        for (due += perSecond / 1_000; due >= 1; due -= 1) void this.call(priority);
      }, 1);
    });
    await this.#clock.tickAsync(ms);
    for (const timer of timers) clearInterval(timer);
  }

  answered(priority: Priority, from: number, to: number): number {
    return this.answeredAt[priority].filter((at) => at > from && at <= to).length;
  }
}

describe('an adaptive limit under overload', () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });

  afterEach(() => {
    clock.restore();
  });

  it('keeps a new process at its capacity from the first half second on, whatever is offered', async () => {
    const capacities = fc.integer({ min: 100, max: 1_000 });
    const factors = fc.integer({ min: 2, max: 6 });
    await fc.assert(
      fc.asyncProperty(capacities, factors, async (capacity, factor) => {
        const from = performance.now();
        const service = new SimulatedService(clock, adaptiveLimit(), capacity);
        await service.offer([{ priority: 'high', perSecond: capacity * factor }], 3_000);
        for (let second = 0.5; second < 3; second += 0.5) {
          const served = service.answered('high', from + (second - 0.5) * 1_000, from + second * 1_000);
          assert.ok(served >= capacity * 0.5 * 0.9, `${served} of ${capacity / 2} until ${second} s`);
        }
        await clock.tickAsync(2_000);
        const sorted = service.latencies.sort((a, b) => a - b);
        assert.ok((sorted[Math.floor(sorted.length * 0.99)] as number) <= 1_000);
      }),
      { numRuns: 20 },
    );
  });

  it('finds its limit within half a second', async () => {
    const limit = adaptiveLimit();
    const service = new SimulatedService(clock, limit, 800);
    await service.offer([{ priority: 'high', perSecond: 4_000 }], 500);
    const found = limit.limit;
    await service.offer([{ priority: 'high', perSecond: 4_000 }], 2_000);
    assert.ok(Math.abs(limit.limit - found) <= found * 0.1, `${found}, then ${limit.limit}`);
  });

  it('serves everything again as soon as the overload is over', async () => {
    const service = new SimulatedService(clock, adaptiveLimit(), 500);
    await service.offer([{ priority: 'high', perSecond: 5_000 }], 3_000);
    const from = performance.now();
    await service.offer([{ priority: 'high', perSecond: 450 }], 2_000);
    await clock.tickAsync(1_000);
    const served = service.answered('high', from + 1_000, from + 2_000);
    assert.ok(served >= 450 * 0.95, `${served} in the second second`);
  });

  it('answers all calls of a burst to a new process that it can answer in time', async () => {
    const service = new SimulatedService(clock, adaptiveLimit(), 800);
    for (let call = 0; call < 400; call++) void service.call('high');
    await clock.tickAsync(2_000);
    assert.equal(service.answeredAt.high.length, 400);
  });

  it('serves low priorities in part while high ones alone are too much, and whole while these have room', async () => {
    const service = new SimulatedService(clock, adaptiveLimit(), 500);
    const low = { priority: 'low', perSecond: 100 } as const;
    await service.offer([{ priority: 'high', perSecond: 2_000 }, low], 4_000);
    const from = performance.now();
    const duringOverload = service.answered('low', from - 2_000, from);
    assert.ok(duringOverload >= 20 && duringOverload <= 80, `${duringOverload} of 200`);
    await service.offer([{ priority: 'high', perSecond: 350 }, low], 3_000);
    const served = service.answered('low', from + 1_000, from + 3_000);
    assert.ok(served >= 190, `${served} of 200`);
  });
});
