import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark } from '../harness/run-benchmark.ts';
import { type Measured, openField, type Plan } from './measure.ts';
import { overLimit, toMarkdown } from './report.ts';
import { VARIANTS } from './variants.ts';

interface Options extends Plan {
  readonly quick: boolean;
  readonly users: readonly number[];
  readonly skusEach: readonly number[];
  /** The cells that also run with checkout's real bounds. */
  readonly bounded: readonly { readonly users: number; readonly skusEach: number }[];
}

const FULL = {
  roundsMax: 20,
  enoughMs: 3_000,
  cellMs: 27_000,
  limitMs: 45_000,
  users: [1, 100],
  skusEach: [1, 10, 50],
  bounded: [
    { users: 100, skusEach: 10 },
    { users: 100, skusEach: 50 },
  ],
};
const QUICK = { roundsMax: 3, enoughMs: 500, cellMs: 4_000, limitMs: 10_000, skusEach: [1, 10], bounded: [] };

await runBenchmark({
  name: 'checkout',
  usage: '  --quick             less than a minute: small carts, fewer of them where the limit applies, no real bounds',
  flags: ['quick'],
  texts: [],
  toOptions: ({ quick }): Options => ({ ...FULL, ...(quick ? QUICK : {}), quick }),
  async run({ quick, users, skusEach, bounded, ...plan }) {
    const setting = describeSetting();
    console.log(settingLine(setting));
    await using stack = new AsyncDisposableStack();
    const measure = await openField(stack, plan, console.log);
    const lifted: Measured[] = [];
    for (const cell of users.flatMap((count) => skusEach.map((each) => ({ users: count, skusEach: each })))) {
      console.log(`${cell.users} users at once, ${cell.skusEach} skus each, deadline and queue limit lifted`);
      lifted.push(...(await measure({ ...cell, bounds: 'lifted' }, VARIANTS)));
    }
    const real: Measured[] = [];
    for (const cell of bounded) {
      console.log(`${cell.users} users at once, ${cell.skusEach} skus each, with checkout's own deadline and queue`);
      const limited = VARIANTS.filter((variant) => variant.limited);
      real.push(...(await measure({ ...cell, bounds: 'real' }, limited)));
    }
    const results = { setting, quick, lifted, real };
    await publish('checkout', results, toMarkdown(results));
    if (overLimit([...lifted, ...real]).length > 0) {
      console.error('The product service received more requests in a second than the limit allows.');
      process.exitCode = 1;
    }
  },
});
