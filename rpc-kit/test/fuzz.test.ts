import assert from 'node:assert/strict';
import { fuzz, HEAP_GROWTH_MAX_BYTES, heapGrowth } from './fuzz/fuzz.ts';

/** A short run; `npm run fuzz -w rpc-kit` makes the long one. */
describe('mutated requests', () => {
  const seed = Date.now() % 1_000_000;

  it(`of seed ${seed} break nothing: all answers are as documented, and no memory is lost`, async function () {
    this.timeout(60_000);
    const report = await fuzz({ requests: 3_000, seed });
    assert.ok(report.requests >= 3_000);
    // Among so many, some are still good and some are refused.
    for (const status of [200, 400, 404]) assert.ok(report.byStatus.has(status), `${status}`);
    assert.equal(report.byStatus.has(500), false);
    assert.ok(heapGrowth(report) <= HEAP_GROWTH_MAX_BYTES, `${report.heap}`);
  });
});
