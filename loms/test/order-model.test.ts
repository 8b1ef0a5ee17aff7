import fc from 'fast-check';
import { assertInvariants } from './invariants.ts';
import { type Loms, openLoms, outboxToDrain } from './loms-fixture.ts';
import { createOrderModel } from './order-model.ts';
import { anySteps, assertStocks, type Real, SUPPLIES, WAREHOUSES } from './order-steps.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const RUNS = 15;

describe(`orders and stock, by the seed ${seed}`, function () {
  this.timeout(120_000);
  let loms: Loms;
  let runs = 0;

  before(async () => {
    loms = await openLoms();
  });

  after(() => loms[Symbol.asyncDispose]());

  /** Spread over the warehouses, so that some orders take from several. */
  async function supply(sku: number, count: bigint): Promise<void> {
    const share = count / WAREHOUSES;
    await loms.supply(sku, { 1: share, 2: share, 3: count - 2n * share });
  }

  it('do what a simple model does, whatever is asked for', async () => {
    const property = fc.asyncProperty(anySteps, async (steps) => {
      runs += 1;
      const run = runs;
      const skuOf = (sku: number) => run * 100 + sku;
      const real: Real = { loms, skuOf, keyOf: (key) => `${key} of run ${run}` };
      const supplies = SUPPLIES.map((count, sku) => [skuOf(sku), count] as const);
      for (const [sku, count] of supplies) await supply(sku, count);
      const model = createOrderModel(new Map(supplies));
      await fc.asyncModelRun(() => ({ model, real }), steps);
      await assertStocks(model, real);
      await outboxToDrain(loms);
      await assertInvariants(loms.query);
    });
    await fc.assert(property, { numRuns: RUNS, seed });
  });
});
