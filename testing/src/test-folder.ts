import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure, type MeshPaths, meshPaths } from 'mesh';
import { readLiveRun, readRunRecord, stopLeftovers, waitForEnd } from 'mesh/mesh-folder';

/** Each test run has one folder, which contains a folder for the test server and for each mesh that a test starts. */
const PREFIX = 'order-mesh-test-';
/** The folder of the run, for mocha's process. */
export const TEST_FOLDER_VARIABLE = 'TEST_FOLDER';
/** A mesh whose test was killed stops by itself within 5 s. */
const MESH_STOP_TIMEOUT_MS = 7_000;
/** A younger folder without a record may belong to a run that is just starting. */
const ABANDONED_AFTER_MS = 3_600_000;

export function createTestFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), PREFIX));
  // Under root, Postgres runs as another user, which must reach its data through this folder.
  chmodSync(folder, 0o711);
  return folder;
}

export function readTestFolder(): string {
  const folder = process.env[TEST_FOLDER_VARIABLE];
  if (folder !== undefined) return folder;
  throw new Failure(NEEDS_TEST_SCRIPT);
}

/** A test that mocha alone has started has neither a server nor a folder. */
export const NEEDS_TEST_SCRIPT =
  'This test needs a test server and a folder: start it with node_modules/.bin/node testing/src/run/test.ts <file>, not with mocha.';

export function createPart(folder: string, name: string): MeshPaths {
  const part = join(folder, name);
  mkdirSync(part);
  return meshPaths(part);
}

export async function removeTestFolder(folder: string): Promise<void> {
  for (const paths of listParts(folder)) {
    const live = readLiveRun(paths);
    if (live !== undefined && live.runner.pid !== process.pid) await waitForEnd(live.runner, MESH_STOP_TIMEOUT_MS);
    await stopLeftovers(readRunRecord(paths)?.processes ?? [], paths);
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Stops the processes of killed test runs and removes their folders. */
export async function sweepTestFolders(): Promise<void> {
  const folders = readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX));
  // A folder of another user cannot be removed here.
  for (const name of folders) await sweep(join(tmpdir(), name)).catch(() => {});
}

async function sweep(folder: string): Promise<void> {
  const records = listParts(folder).filter((paths) => readRunRecord(paths) !== undefined);
  if (records.some((paths) => readLiveRun(paths) !== undefined)) return;
  const abandoned = Date.now() - statSync(folder).mtimeMs > ABANDONED_AFTER_MS;
  if (records.length > 0 || abandoned) await removeTestFolder(folder);
}

function listParts(folder: string): MeshPaths[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => meshPaths(join(folder, entry.name)));
}
