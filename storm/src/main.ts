import { join, resolve } from 'node:path';
import { watchStock } from 'invariants';
import { findRunningMesh, runScript, shortPath } from 'local/running-mesh';
import { checkMesh } from './check.ts';
import { listenForEnd } from './end-of-storm.ts';
import { createFigures } from './figures.ts';
import { createHistoryFile } from './history-file.ts';
import { lookForGoods } from './on-sale.ts';
import { chooseUrls, loadOptions } from './options.ts';
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

  const { users, seconds, seed, rate, paymentTimeoutMs } = options;
  say(`${users} users for ${seconds} s, at most ${rate} calls a second, on ${urls.checkout} and ${urls.loms}.`);
  say(`SEED=${seed} plans the same again on the same stock. Ctrl-C ends the load and goes on to the check.`);
  say(`Wanted by many: the skus ${goods.hot.join(', ')}.`);

  const startedAt = new Date();
  const history = await createHistoryFile(resolve(options.history ?? join(mesh.logs, fileName(startedAt))));
  const figures = createFigures();
  const began = performance.now();
  const over = listenForEnd(seconds, say);
  const watching = watchStock(mesh.databaseUrls.loms, { signal: over });
  // Until it is waited for below.
  watching.catch(() => {});
  const record = (call: RecordedCall) => {
    figures.add(call);
    history.add(call);
  };
  {
    using _progress = showProgress({ output: process.stdout, figures, endsAt: began + seconds * 1_000 });
    await Promise.race([runUsers({ urls, users, seed, rate, goods, startedAt, over, record }), history.broken]);
  }
  const tookMs = performance.now() - began;
  await history.close();

  const holds = await checkMesh({ mesh, historyPath: history.path, watching, paymentTimeoutMs, say });
  say(`\n${describeFigures(figures, tookMs)}\n`);
  say(`Every call is in ${shortPath(history.path)}.`);
  const unexpected = figures.errors().filter(({ expected }) => !expected);
  const named = unexpected.map(({ method, code }) => `${method} ${code}`).join(', ');
  if (unexpected.length > 0) say(`Errors that no correct call should meet: ${named}.`);
  return holds && unexpected.length === 0 ? 0 : 1;
}

function fileName(startedAt: Date): string {
  return `storm-${startedAt.toISOString().replaceAll(/[:.]/g, '-')}.jsonl`;
}

function say(text: string): void {
  console.log(text);
}

await runScript(run);
