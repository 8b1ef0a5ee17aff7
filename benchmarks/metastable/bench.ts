import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startProcess } from '../harness/process.ts';
import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { toPicture } from './picture.ts';
import { lineOf, toMarkdown, type VariantRun } from './report.ts';
import type { LoadOptions, Phases, Tally } from './tally.ts';
import { ALL, NAIVELY, VARIANTS, type Variant } from './variants.ts';
import { CALLS_PER_SECOND_MAX } from './work.ts';

interface Options {
  readonly quick: boolean;
  readonly seed: number;
  readonly phases: Phases;
  readonly variants: readonly Variant[];
  /** Replaces the picture of the guide. */
  readonly picture: boolean;
}

const LOAD_SHARE = 0.75;
const FULL = { phases: { beforeSeconds: 5, stallSeconds: 3, afterSeconds: 20 }, variants: VARIANTS };
const QUICK = { phases: { beforeSeconds: 4, stallSeconds: 3, afterSeconds: 8 }, variants: [NAIVELY, ALL] };
const SEED_MAX = 1_000_000;
const PICTURE = new URL('../../docs/guide/images/metastable.svg', import.meta.url);
/** Beyond the seconds of a run: its last calls. */
const REPLY_SLACK_MS = 20_000;

await runBenchmark({
  name: 'metastable',
  usage: `  --quick             only naive retries and rpc-kit, for 15 s each
  --seed <n>          the seed of the arrivals and pauses; random by default
  --picture           also replaces the picture of docs/guide/retries.md`,
  flags: ['quick', 'picture'],
  texts: ['seed'],
  toOptions({ quick, picture, seed }): Options {
    const own = quick ? QUICK : FULL;
    return { quick, picture, seed: toCount('seed', seed, randomInt(1, SEED_MAX), SEED_MAX), ...own };
  },
  run: measure,
});

async function measure({ quick, picture, seed, phases, variants }: Options): Promise<void> {
  const setting = describeSetting();
  const perSecond = CALLS_PER_SECOND_MAX * LOAD_SHARE;
  console.log(
    `${settingLine(setting)}\nseed ${seed}: ${perSecond} calls/s for a service that does ${CALLS_PER_SECOND_MAX}`,
  );
  const runs: VariantRun[] = [];
  for (const variant of variants) {
    const tally = await runVariant(variant, { perSecond, seed }, phases);
    runs.push({ variant, tally });
    console.log(lineOf({ variant, tally }, phases));
  }
  const results = { setting, quick, seed, perSecond, phases, runs };
  await publish('metastable', results, toMarkdown(results));
  if (picture) {
    await writeFile(PICTURE, toPicture(results));
    console.log(`Written to ${fileURLToPath(PICTURE)}.`);
  }
}

/** A server and its callers, each in a process of its own; the server stalls once. */
async function runVariant(
  variant: Variant,
  load: Pick<LoadOptions, 'perSecond' | 'seed'>,
  { beforeSeconds, stallSeconds, afterSeconds }: Phases,
): Promise<Tally> {
  await using server = startProcess(new URL('serve.ts', import.meta.url), [JSON.stringify(variant)]);
  await using callers = startProcess(new URL('load.ts', import.meta.url));
  const url = await server.ask<string>('url');
  const seconds = beforeSeconds + stallSeconds + afterSeconds;
  const options: LoadOptions = { url, variant, seconds, ...load };
  const tally = callers.ask<Tally>('run', options, seconds * 1_000 + REPLY_SLACK_MS);
  await sleep(beforeSeconds * 1_000);
  await server.ask('stall', stallSeconds * 1_000);
  return await tally;
}
