import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MeshPaths, meshPaths } from '../mesh-config.ts';
import { isOutOfReach } from './process-stamp.ts';
import { openRunRecord, type RunRecord, readLiveRun, readRunRecord, refuseOutOfReach } from './run-record.ts';

/** The record as a process of another container with this folder in it would have written it. */
function moveToAnotherNamespace(paths: MeshPaths): void {
  const text = readFileSync(paths.record, 'utf8');
  writeFileSync(paths.record, text.replaceAll(/pid:\[\d+\]/g, 'pid:[1]'));
}

describe('The record of a run', () => {
  let parent: string;
  let paths: MeshPaths;
  let copy: MeshPaths;
  let record: RunRecord;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'order-mesh-record-'));
    paths = meshPaths(join(parent, 'mesh'));
    copy = meshPaths(join(parent, 'copy'));
    record = openRunRecord(paths, 'make run-all', 5);
  });
  afterEach(() => {
    record.close();
    rmSync(parent, { recursive: true, force: true });
  });

  it('refuses a second run in one sentence', () => {
    assert.equal(readLiveRun(paths)?.runner.pid, process.pid);
    assert.throws(() => openRunRecord(paths, 'make kafka', 0), {
      name: 'Failure',
      message: `make run-all (process ${process.pid}) is at work in ${paths.directory} already: stop it first, or give this run a MESH_DIR and ports of its own.`,
    });
  });

  it('is ignored in a copy of the folder, with its runner and its processes', async () => {
    const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 60_000)'], { stdio: 'ignore' });
    const gone = once(child, 'exit');
    record.add('postgres', child.pid ?? 0);
    cpSync(paths.directory, copy.directory, { recursive: true });
    assert.equal(readRunRecord(copy), undefined);
    assert.equal(readLiveRun(copy), undefined);
    const other = openRunRecord(copy, 'make run-all', 6);
    assert.equal(await other.stopLeftovers(), 0);
    other.close();
    assert.equal(readLiveRun(paths)?.processes[0]?.pid, child.pid);
    assert.equal(await record.stopLeftovers(), 1);
    await gone;
  });

  it('moves with its folder, and leaves a new folder at the old path alone', () => {
    const moved = copy;
    renameSync(paths.directory, moved.directory);
    assert.equal(readLiveRun(moved)?.runner.pid, process.pid);
    const next = openRunRecord(paths, 'make kafka', 0);
    record.add('postgres', process.pid);
    record.close();
    assert.equal(readLiveRun(paths)?.runner.name, 'make kafka');
    assert.deepEqual(readLiveRun(paths)?.processes, []);
    next.close();
    assert.equal(existsSync(paths.record), false);
  });

  if (process.platform === 'linux') {
    it('does not match a process with the same pid in another container', () => {
      moveToAnotherNamespace(paths);
      const run = readLiveRun(paths);
      assert.ok(run && isOutOfReach(run.runner));
      assert.throws(() => refuseOutOfReach(run, paths), {
        name: 'Failure',
        message: `make run-all is at work in ${paths.directory}, but in another container or process namespace: call this where it was started.`,
      });
      assert.throws(
        () => openRunRecord(paths, 'make run-all', 6),
        /^Failure: make run-all \(in another container\) is at work in /,
      );
    });
  }

  it('keeps the processes of a killed run until they are stopped', () => {
    record.add('postgres', process.pid);
    const { processes } = JSON.parse(readFileSync(paths.record, 'utf8'));
    record.close();
    openRunRecord(paths, 'make migrate', 0).close();
    assert.deepEqual(readRunRecord(paths)?.processes, processes);
  });
});
