import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createLatencyPercentile } from './latency-percentile.ts';

describe('The percentile of latencies', () => {
  /** Up to 9 % above the value, in floating point. */
  function assertAbout(actual: number | undefined, expected: number, message?: string): void {
    const isAbout = actual !== undefined && actual >= expected * 0.999 && actual <= expected * 1.092;
    assert.ok(isAbout, `${message ?? ''} ${actual} is not about ${expected}`);
  }

  it('is unknown before a hundred calls', () => {
    const latency = createLatencyPercentile(95);
    for (let call = 0; call < 99; call++) latency.record(10);
    assert.equal(latency.ms, undefined);
    latency.record(10);
    assertAbout(latency.ms, 10);
  });

  it('is the percentile of any latencies, up to 9 % too long', () => {
    const latencies = fc.array(fc.double({ min: 0.2, max: 50_000, noNaN: true }), { minLength: 100, maxLength: 100 });
    fc.assert(
      fc.property(latencies, fc.integer({ min: 1, max: 99 }), (all, percentile) => {
        const latency = createLatencyPercentile(percentile);
        for (const ms of all) latency.record(ms);
        // The share above may fall between two samples; either is the percentile then.
        const sorted = all.toSorted((a, b) => a - b);
        const [lower, upper] = [sorted[percentile - 1] as number, sorted[percentile] as number];
        const found = latency.ms as number;
        assert.ok(found >= lower * 0.999 && found <= upper * 1.092, `${found}, ${lower}–${upper}`);
      }),
    );
  });

  it('follows a peer that becomes slower, and one that becomes faster', () => {
    const latency = createLatencyPercentile(95);
    for (let call = 0; call < 2_000; call++) latency.record(8);
    for (let call = 0; call < 100; call++) latency.record(100);
    assertAbout(latency.ms, 100, 'slower:');
    for (let call = 0; call < 2_500; call++) latency.record(8);
    assertAbout(latency.ms, 8, 'faster:');
  });

  it('takes latencies beyond its buckets for those of the first and of the last', () => {
    const latency = createLatencyPercentile(50);
    for (let call = 0; call < 100; call++) latency.record(0);
    assert.ok((latency.ms as number) < 0.2);
    for (let call = 0; call < 1_000; call++) latency.record(1e9);
    assert.equal(latency.ms, 2 ** 16);
  });
});
