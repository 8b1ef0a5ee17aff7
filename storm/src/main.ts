import { availableParallelism, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { watchStock } from 'invariants';
import { findRunningMesh, runScript, shortPath } from 'mesh';
import { checkMesh } from './check.ts';
import type { Urls } from './connections.ts';
import { listenForEnd } from './end-of-storm.ts';
import { createFigures } from './figures.ts';
import type { Goods } from './goods.ts';
import { createHistoryFile } from './history-file.ts';
import { lookForGoods } from './on-sale.ts';
import { chooseUrls, loadOptions, type Options } from './options.ts';
import { showProgress } from './progress.ts';
import type { RecordedCall } from './recorder.ts';
import { describeFigures } from './report.ts';
import { runUsers } from './users.ts';

/** `make storm`: many users at once on a running mesh; then what they left behind is checked. */
async function run(): Promise<number> {
  const options = loadOptions(process.env);
  const mesh = findRunningMesh(process.env);
  const urls = chooseUrls(process.env, mesh.urls);
  const goods = await lookForGoods(urls.loms);

  const startedAt = new Date();
  const history = await createHistoryFile(resolve(options.history ?? join(mesh.logs, fileName(startedAt))));
  const figures = createFigures();
  const endsAt = performance.now() + options.seconds * 1_000;
  const over = listenForEnd(options.seconds, say);
  const watching = watchStock(mesh.databaseUrls.loms, { signal: over });
  // Until it is waited for in the check.
  watching.catch(() => {});
  announce(options, urls, goods);
  const record = (call: RecordedCall) => {
    figures.add(call);
    history.add(call);
  };
  const tookMs = await measure(async () => {
    using _progress = showProgress({ output: process.stdout, figures, endsAt });
    await Promise.race([runUsers({ ...options, urls, goods, startedAt, over, record }), history.broken]);
  });
  await history.close();

  const { paymentTimeoutMs } = options;
  const holds = await checkMesh({ mesh, historyPath: history.path, watching, paymentTimeoutMs, say });
  say(`\n${describeFigures(figures, tookMs)}\n\n${describeMachine()}\nEvery call is in ${shortPath(history.path)}.`);
  const unexpected = figures.errors().filter(({ expected }) => !expected);
  const named = unexpected.map(({ method, code }) => `${method} ${code}`).join(', ');
  if (unexpected.length > 0) say(`Errors that no correct call should meet: ${named}.`);
  return holds && unexpected.length === 0 ? 0 : 1;
}

function announce({ users, seconds, rate, seed }: Options, urls: Urls, goods: Goods): void {
  say(`${users} users for ${seconds} s, at most ${rate} calls a second, on ${urls.checkout} and ${urls.loms}.`);
  say(`SEED=${seed} plans the same again on the same stock. Ctrl-C ends the load and goes on to the check.`);
  say(`Wanted by many: the skus ${goods.hot.join(', ')}.`);
}

/** Users, services and databases share it, perhaps with others: without this the figures say nothing. */
function describeMachine(): string {
  const [load = 0] = loadavg();
  return `Measured on ${availableParallelism()} cores under a load of ${load.toFixed(1)} (mean of the last minute).`;
}

async function measure(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function fileName(startedAt: Date): string {
  return `storm-${startedAt.toISOString().replaceAll(/[:.]/g, '-')}.jsonl`;
}

function say(text: string): void {
  console.log(text);
}

await runScript(run);
