import { writeResults } from '../harness/results-folder.ts';
import { runBenchmark } from '../harness/run-benchmark.ts';
import { describeSetting, settingLine } from '../harness/setting.ts';
import { judge, type Summaries } from './bars.ts';
import { CLIENTS, SERVERS } from './contenders.ts';
import { type Field, startClients, startServers } from './contestants.ts';
import { measureInRounds } from './measure.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import { installPeers } from './peers.ts';
import { profile } from './profile.ts';
import { type Results, toMarkdown } from './report.ts';
import { summarize } from './summary.ts';

const NOTHING = { summaries: { createOrder: [], stocks: [] }, leftOut: [] };

await runBenchmark(USAGE, parseOptions, main);

async function main(options: Options): Promise<void> {
  await installPeers(console.log);
  if (options.profile !== undefined) await profile(options.profile, options, console.log);
  else await compare(options);
}

async function compare(options: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  if ((setting.loadAverage[0] ?? 0) > 1) console.log('The machine is busy: read the ratios by CPU time first.');

  const servers = await measureField('Servers', SERVERS, startServers, options);
  const clients = await measureField('Clients', CLIENTS, startClients, options);

  const results: Results = {
    setting,
    quick: options.quick,
    rounds: options.rounds,
    timing: options.timing,
    servers: servers.summaries,
    clients: clients.summaries,
    bars: judge(servers.summaries, clients.summaries),
    leftOut: [...servers.leftOut, ...clients.leftOut],
  };
  const markdown = toMarkdown(results);
  const written = await writeResults(new URL(import.meta.url), results, markdown);
  console.log(`\n${markdown}\nWritten to ${written}.`);
}

/** The baseline takes part whenever one of the others does. */
async function measureField<C extends { readonly name: string }>(
  what: string,
  contenders: readonly C[],
  start: (processes: AsyncDisposableStack, wanted: readonly C[]) => Promise<Field>,
  options: Options,
): Promise<{ summaries: Summaries; leftOut: readonly string[] }> {
  if (!contenders.some(({ name }) => options.only.has(name))) return NOTHING;
  console.log(what);
  await using processes = new AsyncDisposableStack();
  const field = await start(
    processes,
    contenders.filter(({ name }, index) => index === 0 || options.only.has(name)),
  );
  for (const line of field.leftOut) console.log(`  left out: ${line}`);
  const { measurements, dropped } = await measureInRounds(field.contestants, options, (line) =>
    console.log(`  ${line}`),
  );
  return {
    summaries: { createOrder: summarize(measurements, 'createOrder'), stocks: summarize(measurements, 'stocks') },
    leftOut: [...field.leftOut, ...dropped],
  };
}
