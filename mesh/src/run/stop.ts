import { openCompose, STOP } from '../compose/docker-compose.ts';
import { Failure, runScript } from '../failure.ts';
import { loadMeshConfig, type MeshPaths, meshPaths, shortPath } from '../mesh-config.ts';
import { type ProcessStamp, stopProcess } from '../mesh-folder/process-stamp.ts';
import { readLiveRun, refuseOutOfReach } from '../mesh-folder/run-record.ts';
import { step } from './progress.ts';

/** Those who run until they are told to stop; the others come to an end by themselves. */
const STOPPABLE = new Set(['make run-all', 'make kafka']);
/** A mesh ends within 5 s, and a broker that it has started a little later. */
const STOP_TIMEOUT_MS = 30_000;

async function stopRun(runner: ProcessStamp, paths: MeshPaths): Promise<void> {
  const { name, pid } = runner;
  const folder = shortPath(paths.directory);
  if (!STOPPABLE.has(name)) throw new Failure(`${name} (process ${pid}) is at work in ${folder}: it ends by itself.`);
  const isGone = await step(`stop of ${name}, process ${pid}`, () =>
    stopProcess(runner, [{ signal: 'SIGTERM', waitMs: STOP_TIMEOUT_MS }]),
  );
  if (!isGone) throw new Failure(`${name} (process ${pid}) does not end: see what it says in its own terminal.`);
  console.log(`${name} in ${folder} is stopped. Its data is kept.`);
}

async function stopContainers(): Promise<void> {
  const compose = await openCompose();
  await step('stop of the containers', () => compose.run(STOP));
}

function nothingToStop(paths: MeshPaths, { message }: Error): never {
  throw new Failure(`Nothing runs in ${shortPath(paths.directory)}. Containers were not looked for: ${message}`);
}

/** `make stop`: ends the mesh of this folder that runs elsewhere, in a terminal or in containers, and keeps its data. */
await runScript(async () => {
  const paths = meshPaths(loadMeshConfig(process.env).directory);
  const run = readLiveRun(paths);
  if (process.env.STACK === 'compose') await stopContainers();
  else if (run) {
    refuseOutOfReach(run, paths);
    await stopRun(run.runner, paths);
  } else await stopContainers().catch((error: Error) => nothingToStop(paths, error));
  return 0;
});
