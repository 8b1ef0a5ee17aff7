import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MeshPaths, meshPaths } from '../mesh-config.ts';
import { acquireFolderLock, isFolderLocked } from './folder-lock.ts';
import { createMeshFolder } from './mesh-folder.ts';

const HOLDER = `
  const { acquireFolderLock } = await import(${JSON.stringify(join(import.meta.dirname, 'folder-lock.ts'))});
  process.send(acquireFolderLock({ marker: process.argv[1] }) !== undefined);
  setInterval(() => {}, 60_000);
`;

async function holdInAnotherProcess({ marker }: MeshPaths): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', HOLDER, marker], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [isHeld] = await once(child, 'message');
  assert.equal(isHeld, true);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

describe('The lock of a mesh folder', () => {
  let parent: string;
  let paths: MeshPaths;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'order-mesh-lock-'));
    paths = meshPaths(join(parent, 'mesh'));
    createMeshFolder(paths);
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('excludes every other process until its holder has ended, by kill -9 too', async () => {
    const holder = await holdInAnotherProcess(paths);
    try {
      assert.equal(isFolderLocked(paths), true);
      assert.equal(acquireFolderLock(paths), undefined);
    } finally {
      await kill(holder);
    }
    assert.equal(isFolderLocked(paths), false);
    const lock = acquireFolderLock(paths);
    assert.ok(lock);
    assert.equal(isFolderLocked(paths), true);
    lock.release();
    assert.equal(isFolderLocked(paths), false);
  });

  it('writes nothing, not even into the file', async () => {
    await kill(await holdInAnotherProcess(paths));
    assert.deepEqual(readdirSync(paths.directory), ['.order-mesh']);
    assert.equal(statSync(paths.marker).size, 0);
  });

  it('moves with its folder, and does not hold in a copy', async () => {
    const [moved, copy] = ['moved', 'copy'].map((name) => meshPaths(join(parent, name)));
    assert.ok(moved && copy);
    const holder = await holdInAnotherProcess(paths);
    try {
      cpSync(paths.directory, copy.directory, { recursive: true });
      renameSync(paths.directory, moved.directory);
      assert.equal(isFolderLocked(copy), false);
      assert.equal(isFolderLocked(moved), true);
      assert.equal(isFolderLocked(paths), false);
    } finally {
      await kill(holder);
    }
  });

  it('is refused in one sentence on a file that is not empty', () => {
    writeFileSync(paths.marker, 'no database, and longer than the header of one: '.repeat(10));
    assert.throws(() => acquireFolderLock(paths), /^Failure: \S+\.order-mesh cannot be locked \([^)]+\): [^\n]+\.$/);
  });
});
