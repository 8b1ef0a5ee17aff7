import { openCompose, STOP } from '../compose/docker-compose.ts';
import { Failure, runScript } from '../failure.ts';
import { loadMeshConfig, type MeshPaths, meshPaths, shortPath } from '../mesh-config.ts';
import { type ProcessStamp, stopProcess } from '../mesh-folder/process-stamp.ts';
import { readLiveRun, refuseOutOfReach } from '../mesh-folder/run-record.ts';
import { step } from './progress.ts';

/** The commands that run until they are stopped; the others end by themselves. */
const STOPPABLE = new Set(['make run-all', 'make kafka']);
/** A mesh ends within 5 s, Kafka a little later. */
const STOP_TIMEOUT_MS = 30_000;

async function stopRun(runner: ProcessStamp, paths: MeshPaths): Promise<void> {
  const { name, pid } = runner;
  const folder = shortPath(paths.directory);
  if (!STOPPABLE.has(name))
    throw new Failure(`${name} (process ${pid}) is at work in ${folder}: wait until it ends by itself.`);
  const isGone = await step(`stop of ${name}, process ${pid}`, () =>
    stopProcess(runner, [{ signal: 'SIGTERM', waitMs: STOP_TIMEOUT_MS }]),
  );
  if (!isGone)
    throw new Failure(
      `${name} (process ${pid}) did not end within ${STOP_TIMEOUT_MS / 1000} s: see the output in its terminal.`,
    );
  console.log(`${name} in ${folder} is stopped. Its data is kept.`);
}

async function stopContainers(): Promise<void> {
  const compose = await openCompose();
  await step('stop of the containers', () => compose.run(STOP));
}

function nothingToStop(paths: MeshPaths, { message }: Error): never {
  throw new Failure(`Nothing runs in ${shortPath(paths.directory)}. Containers were not looked for: ${message}`);
}

/** `make stop`: stops the mesh of this folder, in another terminal or in containers, and keeps its data. */
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
