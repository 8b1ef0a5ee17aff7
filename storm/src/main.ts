import { availableParallelism, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { watchStock } from 'invariants';
import { findRunningMesh, loadCaller, runScript, shortPath } from 'mesh';
import { checkMesh } from './check.ts';
import { registerPeople } from './edge/people.ts';
import { createFigures } from './figures.ts';
import type { Goods } from './goods.ts';
import { createHistoryFile } from './history-file.ts';
import { findGoods } from './on-sale.ts';
import { chooseGatewayUrl, chooseUrls, loadOptions, type Options } from './options.ts';
import { showProgress } from './progress.ts';
import type { RecordedCall } from './recorder.ts';
import { describeFigures } from './report.ts';
import { createRunIds } from './user.ts';
import { runUsers } from './users.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** The exit code that a shell reports for a program that Ctrl-C stopped. */
const INTERRUPTED_EXIT_CODE = 130;

/** `make storm`: many users load a running mesh; then every invariant is checked. */
async function run(): Promise<number> {
  const options = loadOptions(process.env);
  const mesh = findRunningMesh(process.env);
  const urls = chooseUrls(process.env, mesh.urls);
  const caller = { ...loadCaller(mesh.paths), tls: mesh.tls };
  const goods = await findGoods(urls.loms, caller);
  const startedAt = new Date();
  const ids = createRunIds(startedAt);
  const gatewayUrl = options.viaGateway ? chooseGatewayUrl(process.env, mesh.urls) : undefined;
  const { users } = options;
  if (gatewayUrl !== undefined) say(`${users} users, an admin and a stranger register at ${gatewayUrl} …`);
  const accountsUrl = mesh.urls.accounts;
  const people = gatewayUrl ? await registerPeople({ gatewayUrl, accountsUrl, caller, users, ids }) : undefined;
  const history = await createHistoryFile(resolve(options.history ?? join(mesh.logs, fileName(startedAt))));
  const figures = createFigures();
  const endsAt = performance.now() + options.seconds * 1_000;
  const over = listenForEnd(options.seconds);
  const watching = watchStock(mesh.databaseUrls.loms, { signal: over });
  // The check awaits it; until then a rejection must not end the process.
  watching.catch(() => {});
  announce(options, gatewayUrl ?? `${urls.checkout} and ${urls.loms}`, goods);
  const record = (call: RecordedCall) => {
    figures.add(call);
    history.add(call);
  };
  const elapsedMs = await measure(async () => {
    using _progress = showProgress({ output: process.stdout, figures, endsAt });
    await Promise.race([
      runUsers({ ...options, urls, caller, people: people?.list, goods, ids, over, record }),
      history.broken,
    ]);
  });
  await people?.logout(history.add);
  await history.close();

  const { paymentTimeoutMs } = options;
  const secrets = people?.secrets ?? [];
  const holds = await checkMesh({ mesh, historyPath: history.path, watching, secrets, paymentTimeoutMs, say });
  say(`\n${describeFigures(figures, elapsedMs)}\n\n${describeMachine()}\nEvery call is in ${shortPath(history.path)}.`);
  const unexpected = figures.errors().filter(({ expected }) => !expected);
  const named = unexpected.map(({ method, code }) => `${method} ${code}`).join(', ');
  if (unexpected.length > 0) say(`Unexpected errors: ${named}.`);
  return holds && unexpected.length === 0 ? 0 : 1;
}

/** Ends the load after its time or at Ctrl-C; the check still follows. Ctrl-C after the load stops the program. */
function listenForEnd(seconds: number): AbortSignal {
  const interrupted = new AbortController();
  const over = AbortSignal.any([interrupted.signal, AbortSignal.timeout(seconds * 1_000)]);
  const interrupt = () => {
    if (over.aborted) {
      say('\nStopped before the end of the check.');
      process.exit(INTERRUPTED_EXIT_CODE);
    }
    say('\nThe load ends early. Ctrl-C again stops the check, too.');
    interrupted.abort();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return over;
}

function announce({ users, seconds, rate, seed }: Options, where: string, goods: Goods): void {
  say(`${users} users for ${seconds} s, at most ${rate} calls a second, on ${where}.`);
  say(`SEED=${seed} repeats the plans on the same stock. Ctrl-C ends the load; the check follows.`);
  say(`Wanted by many: the skus ${goods.hot.join(', ')}.`);
}

/** Users, services and databases share the machine, so the figures mean nothing without its load. */
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
