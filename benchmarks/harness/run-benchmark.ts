import { parseArgs } from 'node:util';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';

interface Benchmark<Flag extends string, Text extends string, Options> {
  /** As in `make bench WHAT=<name>`. */
  readonly name: string;
  /** A line for each option. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** Options with a value. */
  readonly texts: readonly Text[];
  /** @throws {TypeError} a sentence for the user */
  toOptions(values: Record<Flag, boolean> & Record<Text, string | undefined>): Options;
  run(options: Options): Promise<void>;
}

/** Runs a benchmark from the command line. An invalid option prints one sentence and the usage; the exit code is 2. */
export async function runBenchmark<Flag extends string, Text extends string, Options>(
  benchmark: Benchmark<Flag, Text, Options>,
): Promise<void> {
  const { name, flags, texts } = benchmark;
  const usage = `make bench WHAT=${name} ARGS='[options]'\n${benchmark.usage}\n  --help              this text`;
  let options: Options;
  try {
    const { values } = parseArgs({
      options: {
        ...Object.fromEntries(flags.map((flag) => [flag, { type: 'boolean', default: false }])),
        ...Object.fromEntries(texts.map((text) => [text, { type: 'string' }])),
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      console.log(usage);
      return;
    }
    options = benchmark.toOptions(values as Parameters<typeof benchmark.toOptions>[0]);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`);
    process.exitCode = 2;
    return;
  }
  await benchmark.run(options);
}

/** The whole number of an option, or the default. */
export function toCount(option: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const range = { min: 1, max };
  const count = parseWhole(text, range);
  if (count === undefined) throw new TypeError(`--${option} is "${text}", but has to be ${describeWhole(range)}.`);
  return count;
}
