import { assertInvariants } from 'invariants';
import { openServerAlone } from 'testing';
import { writeResults } from '../harness/results-folder.ts';
import { runBenchmark } from '../harness/run-benchmark.ts';
import { describeSetting, settingLine } from '../harness/setting.ts';
import type { Contestant } from './contestant.ts';
import { openField } from './field.ts';
import { measureInRounds } from './measure.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import { profileLoms } from './profile.ts';
import { type Results, toMarkdown, toRecord } from './report.ts';

/** Not E3, the order of deliveries: pgbench delivers nothing, it only marks events as delivered, all of an order at once. */
const RULES = ['S1', 'S2', 'S3', 'O1', 'O4', 'E1'];

await runBenchmark(USAGE, parseOptions, main);

async function main(options: Options): Promise<void> {
  const setting = describeSetting();
  console.log(settingLine(setting));
  console.log('Starting a Postgres of its own, durable as in the mesh');
  await using server = await openServerAlone({ fsync: true });
  if (options.profile) await profileLoms(options, server.folder, console.log);
  else await compare(options, server.folder, setting);
}

async function compare(options: Options, folder: string, setting: Results['setting']): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { quick, rounds, seconds, connections } = options;
  const { contestants, leftOut } = await openField(stack, { connections, folder });
  for (const line of leftOut) console.log(`left out: ${line}`);
  const measurements = toRecord(await measureInRounds(contestants, options, console.log));
  await check(contestants);
  const durability = await describeDurability(contestants);
  const results = { setting, quick, rounds, seconds, connections, durability, measurements, leftOut };
  const markdown = toMarkdown(results);
  const written = await writeResults(new URL(import.meta.url), results, markdown);
  console.log(`\n${markdown}\nWritten to ${written}.`);
}

/** Whoever made orders, they must be whole: then all have done the same work. */
async function check(contestants: readonly Contestant[]): Promise<void> {
  for (const { name, database } of contestants) {
    await assertInvariants({ loms: (text) => database.query(text) }, { only: RULES });
    const [orders] = await database.query(
      "SELECT count(*) FILTER (WHERE status = 'payed') AS payed, count(*) AS made FROM orders",
    );
    console.log(`invariants hold: ${name}, ${orders?.made} orders, ${orders?.payed} of them payed`);
  }
}

async function describeDurability([first]: readonly Contestant[]): Promise<string> {
  const names = ['server_version', 'fsync', 'full_page_writes', 'synchronous_commit', 'wal_sync_method'];
  const shown = names.map((name) => `current_setting('${name}') AS ${name}`);
  const [settings] = (await first?.database.query(`SELECT ${shown.join(', ')}`)) ?? [];
  const { server_version, ...rest } = settings ?? {};
  return `Postgres ${server_version}, ${Object.entries(rest)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')}`;
}
