import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { meshPaths } from '../mesh-config.ts';
import { createMeshFolder } from './mesh-folder.ts';

describe('The folder of a mesh', () => {
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'order-mesh-folder-'));
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('is created with its parents, and found again', () => {
    const paths = meshPaths(join(parent, 'a/b'));
    createMeshFolder(paths);
    mkdirSync(paths.logs);
    createMeshFolder(paths);
    assert.ok(existsSync(paths.logs));
  });

  it('may contain foreign files, such as the lost+found of a disk', () => {
    writeFileSync(join(parent, 'notes.txt'), '');
    createMeshFolder(meshPaths(parent));
    assert.ok(existsSync(meshPaths(parent).marker));
  });

  it('is refused where a foreign file has a name of the mesh, as in the folder of this project', () => {
    mkdirSync(join(parent, 'pgbouncer'));
    assert.throws(() => createMeshFolder(meshPaths(parent)), {
      name: 'Failure',
      message: `${join(parent, 'pgbouncer')} exists already and is not a mesh's: set MESH_DIR to a folder that is empty or does not exist.`,
    });
    assert.deepEqual(readdirSync(parent), ['pgbouncer']);
  });

  it('is refused in one sentence where a file is in the way', () => {
    const file = join(parent, 'file');
    writeFileSync(file, '');
    for (const directory of [file, join(file, 'below')]) {
      assert.throws(
        () => createMeshFolder(meshPaths(directory)),
        /^Failure: \S+ cannot be created \(EEXIST\): set MESH_DIR /,
      );
    }
  });

  it('is refused in bounded time where no folder can be created', () => {
    assert.throws(() => createMeshFolder(meshPaths('/proc/order-mesh')), /^Failure: \S+ cannot be created \(E\w+\): /);
  });
});
