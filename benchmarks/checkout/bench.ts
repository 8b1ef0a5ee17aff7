import { writeResults } from '../harness/results-folder.ts';
import { runBenchmark } from '../harness/run-benchmark.ts';
import { describeSetting, settingLine } from '../harness/setting.ts';
import { Field, type Measured } from './measure.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import { overLimit, type Results, toMarkdown } from './report.ts';
import { VARIANTS } from './variants.ts';

await runBenchmark(USAGE, parseOptions, compare);

async function compare({ quick, plan }: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  const lifted: Measured[] = [];
  const real: Measured[] = [];
  await using field = await Field.open(plan, console.log);
  for (const users of plan.users) {
    for (const skusEach of plan.skusEach) {
      console.log(`${users} at once, ${skusEach} skus each, deadline and queue lifted`);
      lifted.push(...(await field.measure({ users, skusEach, bounds: 'lifted' }, VARIANTS, console.log)));
    }
  }
  for (const { users, skusEach } of plan.bounded) {
    console.log(`${users} at once, ${skusEach} skus each, with checkout's own deadline and queue`);
    const limited = VARIANTS.filter((variant) => variant.limited);
    real.push(...(await field.measure({ users, skusEach, bounds: 'real' }, limited, console.log)));
  }
  const results: Results = { setting, quick, lifted, real };
  const markdown = toMarkdown(results);
  const written = await writeResults(new URL(import.meta.url), results, markdown);
  console.log(`\n${markdown}\nWritten to ${written}.`);
  if (overLimit([...lifted, ...real]).length > 0) {
    console.error('The product service saw more requests in a second than the limit allows.');
    process.exitCode = 1;
  }
}
