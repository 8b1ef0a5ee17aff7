import { openServerAlone } from 'testing';
import { describeSetting, publish, settingLine } from '../harness/report.ts';
import { runBenchmark, toCount } from '../harness/run-benchmark.ts';
import { FACES, type Face } from './calls.ts';
import { openField } from './field.ts';
import { callsPerSecond, measureRun, type Run, type Timing, warmUp } from './measure.ts';
import { measureRefusals } from './refusal-cost.ts';
import { lineOf, toMarkdown } from './report.ts';

interface Options extends Timing {
  readonly quick: boolean;
  readonly face: Face;
  readonly runs: number;
}

const FULL = {
  ...{ runs: 5, clients: 128, warmUpSeconds: 8, capacitySeconds: 4 },
  ...{ overloadSeconds: 5, freshSeconds: 3, afterSeconds: 4 },
};
const QUICK = { ...FULL, runs: 1, warmUpSeconds: 4, capacitySeconds: 2, overloadSeconds: 3, afterSeconds: 3 };
const RUNS_MAX = 20;

await runBenchmark({
  name: 'overload',
  usage: `  --quick             one short run: rough figures in less than a minute
  --runs <n>          runs, each with a new process of loms; ${FULL.runs} by default
  --face <face>       rpc (default): all calls on /rpc; plain: each method at its own address`,
  flags: ['quick'],
  texts: ['runs', 'face'],
  toOptions({ quick, runs, face = 'rpc' }): Options {
    const known = FACES.find((name) => name === face);
    if (!known) throw new TypeError(`--face is "${face}", but has to be rpc or plain.`);
    const own = quick ? QUICK : FULL;
    return { ...own, quick, face: known, runs: toCount('runs', runs, own.runs, RUNS_MAX) };
  },
  run: measure,
});

/** What loms still does when it is offered more calls than it can serve. */
async function measure(options: Options): Promise<void> {
  const setting = describeSetting();
  console.log(`${settingLine(setting)}\nStarting a Postgres of its own, durable as in the mesh, and loms`);
  await using server = await openServerAlone({ fsync: true });
  await using stack = new AsyncDisposableStack();
  const field = await openField(stack, server.folder);
  const refusalCost = await measureRefusals(field);
  let expected = await expectedCapacity(options);
  const runs: Run[] = [];
  for (let number = 1; number <= options.runs; number++) {
    const run = await measureRun(field, options.face, expected, options);
    expected = callsPerSecond(run.capacity);
    runs.push(run);
    console.log(`run ${number} of ${options.runs}: ${lineOf(run)}`);
  }
  const { quick, face, clients } = options;
  const results = { setting, quick, face, clients, pinned: field.pinned, runs, refusalCost };
  await publish('overload', results, toMarkdown(results));

  async function expectedCapacity({ face, ...timing }: Options): Promise<number> {
    await using own = new AsyncDisposableStack();
    return await warmUp(field, await field.startLoms(own), face, timing);
  }
}
