/** What every benchmark's options have. */
export interface CommonOptions {
  readonly help: boolean;
}

/**
 * Runs a benchmark from the command line. A mistake in the options is one sentence with the usage, and exit code 2.
 * @param parse throws a TypeError with a sentence for the user
 */
export async function runBenchmark<O extends CommonOptions>(
  usage: string,
  parse: (args: readonly string[]) => O,
  run: (options: O) => Promise<void>,
): Promise<void> {
  let options: O;
  try {
    options = parse(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (options.help) console.log(usage);
  else await run(options);
}
