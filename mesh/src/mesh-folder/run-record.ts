import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Failure } from '../failure.ts';
import { type MeshPaths, shortPath } from '../mesh-config.ts';
import type { PerService, SinkVariables } from '../services.ts';
import { acquireFolderLock, identifyFile, isFolderLocked } from './folder-lock.ts';
import { stopLeftovers } from './leftovers.ts';
import { createMeshFolder } from './mesh-folder.ts';
import { isAlive, isOutOfReach, type ProcessStamp, stampProcess } from './process-stamp.ts';

type RecordContent = {
  /** Its folder: a copy of the folder contains the record of the original. */
  folder: string;
  runner: ProcessStamp;
  postgresPort: number;
  /** Only of a run that starts services. */
  urls?: PerService<string>;
  /** Where notifications delivers to. */
  sinks?: SinkVariables;
  processes: ProcessStamp[];
};

/**
 * `.mesh/run.json`: the run that holds the lock of this folder, and the processes it has started. If this run is killed, the
 * next one stops them.
 */
export type RunRecord = {
  add(name: string, pid: number): void;
  /** For tools that call the services of this run. */
  addServices(urls: PerService<string>, sinks: SinkVariables): void;
  /** Stops the processes of a killed run, and those that this run has started. Answers their number. */
  stopLeftovers(): Promise<number>;
  close(): void;
};

export function openRunRecord(paths: MeshPaths, runnerName: string, postgresPort: number): RunRecord {
  createMeshFolder(paths);
  const lock = acquireFolderLock(paths);
  if (lock === undefined) return refuse(paths);
  const [folder, runner] = [identifyFile(paths.directory), stampProcess(runnerName, process.pid)];
  if (folder === undefined || runner === undefined) {
    throw new Failure('The list of processes cannot be read: install ps (package procps).');
  }
  const content: RecordContent = { folder, runner, postgresPort, processes: readRunRecord(paths)?.processes ?? [] };
  // Once the folder was moved, its path may name the folder of another run.
  const isInPlace = (): boolean => identifyFile(paths.directory) === folder;
  const save = (): void => {
    if (isInPlace()) replace(paths, content);
  };
  save();
  return {
    add(name, pid) {
      const stamp = stampProcess(name, pid);
      // It has ended already.
      if (stamp === undefined) return;
      content.processes.push(stamp);
      save();
    },
    addServices(urls, sinks) {
      content.urls = urls;
      content.sinks = sinks;
      save();
    },
    async stopLeftovers() {
      // They stay on record until they are stopped: the next run may see processes that this one does not.
      const count = await stopLeftovers(content.processes, isInPlace() ? paths : undefined);
      content.processes = [];
      return count;
    },
    close() {
      content.processes = content.processes.filter((stamp) => isAlive(stamp) || isOutOfReach(stamp));
      if (content.processes.length > 0) save();
      else if (isInPlace()) rmSync(paths.record, { force: true });
      lock.release();
    },
  };
}

/** The record of the newest run in this very folder. */
export function readRunRecord(paths: MeshPaths): RecordContent | undefined {
  try {
    const content: RecordContent = JSON.parse(readFileSync(paths.record, 'utf8'));
    return content.folder === identifyFile(paths.directory) ? content : undefined;
  } catch {
    // No run has used this folder.
    return undefined;
  }
}

/** The run that uses this folder now, if any. */
export function readLiveRun(paths: MeshPaths): RecordContent | undefined {
  return isFolderLocked(paths) ? readRunRecord(paths) : undefined;
}

/** A run in another container may use this folder, and its pids mean nothing here. */
export function refuseOutOfReach({ runner }: RecordContent, paths: MeshPaths): void {
  if (!isOutOfReach(runner)) return;
  throw new Failure(
    `${runner.name} is at work in ${shortPath(paths.directory)}, but in another container or process namespace: call this where it was started.`,
  );
}

/** Replaces the file in one step: a reader sees the old or the new content. */
function replace(paths: MeshPaths, content: RecordContent): void {
  const next = `${paths.record}.new`;
  writeFileSync(next, `${JSON.stringify(content, undefined, 2)}\n`);
  renameSync(next, paths.record);
}

function refuse(paths: MeshPaths): never {
  const runner = readRunRecord(paths)?.runner;
  const where = runner && (isOutOfReach(runner) ? ' (in another container)' : ` (process ${runner.pid})`);
  throw new Failure(
    `${runner?.name ?? 'Another run'}${where ?? ''} is at work in ${shortPath(paths.directory)} already: stop it first, or give this run a MESH_DIR and ports of its own.`,
  );
}
