import { closeSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Failure } from './failure.ts';
import { type MeshPaths, shortPath } from './mesh-config.ts';
import { createMeshFolder } from './mesh-folder.ts';
import { isAlive, type ProcessStamp, stampProcess } from './process-stamp.ts';
import type { PerService, SinkVariables } from './services.ts';

type RecordContent = {
  runner: ProcessStamp;
  postgresPort: number;
  /** Where the services listen; only of a run that starts them. */
  servicePorts?: PerService<number>;
  /** Where notifications of the run are brought to. */
  sinks?: SinkVariables;
  processes: ProcessStamp[];
};

/**
 * `.mesh/run.json`: who works on this folder and which processes it has started. It is the lock (one runner to a folder)
 * and what the next run cleans up after should this one be killed.
 */
export type RunRecord = {
  /** Processes that an earlier, killed run has left behind; they may still be alive. */
  leftovers: ProcessStamp[];
  add(name: string, pid: number): void;
  /** For others who look for the services of this run. */
  addServices(ports: PerService<number>, sinks: SinkVariables): void;
  /** Those of this run that are still alive. */
  listAlive(): ProcessStamp[];
  close(): void;
};

export function openRunRecord(paths: MeshPaths, runnerName: string, postgresPort: number): RunRecord {
  createMeshFolder(paths);
  const earlier = readRunRecord(paths);
  if (earlier !== undefined && isAlive(earlier.runner)) refuse(earlier, paths);
  const runner = stampProcess(runnerName, process.pid);
  if (runner === undefined) throw new Failure('The list of processes cannot be read: install ps (package procps).');

  const leftovers = (earlier?.processes ?? []).filter(isAlive);
  const content: RecordContent = { runner, postgresPort, processes: leftovers };
  if (earlier !== undefined) rmSync(paths.record, { force: true });
  createExclusively(paths, content);
  return {
    leftovers: [...leftovers],
    add(name, pid) {
      const stamp = stampProcess(name, pid);
      // It may have ended already, and then there is nothing to find again.
      if (stamp === undefined) return;
      content.processes.push(stamp);
      replace(paths, content);
    },
    addServices(ports, sinks) {
      content.servicePorts = ports;
      content.sinks = sinks;
      replace(paths, content);
    },
    listAlive: () => content.processes.filter(isAlive),
    close() {
      content.processes = content.processes.filter(isAlive);
      // Whoever could not be stopped stays on record, so that the next run tries again.
      if (content.processes.length > 0) replace(paths, content);
      else rmSync(paths.record, { force: true });
    },
  };
}

export function readRunRecord(paths: MeshPaths): RecordContent | undefined {
  try {
    return JSON.parse(readFileSync(paths.record, 'utf8'));
  } catch {
    // No run has been here, or one was killed between creating the file and writing it.
    return undefined;
  }
}

/** The run that is at work in this folder now, if any. */
export function readLiveRun(paths: MeshPaths): RecordContent | undefined {
  const record = readRunRecord(paths);
  return record !== undefined && isAlive(record.runner) ? record : undefined;
}

function createExclusively(paths: MeshPaths, content: RecordContent): void {
  try {
    closeSync(openSync(paths.record, 'wx'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const winner = readLiveRun(paths);
    if (winner !== undefined) refuse(winner, paths);
  }
  replace(paths, content);
}

/** A reader sees the file before or after the change, never half of it. */
function replace(paths: MeshPaths, content: RecordContent): void {
  const next = `${paths.record}.${process.pid}`;
  writeFileSync(next, `${JSON.stringify(content, undefined, 2)}\n`);
  renameSync(next, paths.record);
}

function refuse({ runner }: RecordContent, paths: MeshPaths): never {
  throw new Failure(
    `${runner.name} (process ${runner.pid}) is at work in ${shortPath(paths.directory)} already: stop it first, or give this run a MESH_DIR and ports of its own.`,
  );
}
