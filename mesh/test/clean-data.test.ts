import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createPart, readTestFolder } from 'testing';
import { createCertificates } from '../src/certificates/index.ts';
import { createIdentities } from '../src/identity/identities.ts';
import { meshPaths, PROJECT_DIRECTORY } from '../src/mesh-config.ts';
import { createMeshFolder } from '../src/mesh-folder/mesh-folder.ts';
import { loadSecrets } from '../src/mesh-folder/secrets.ts';

async function cleanData(directory: string): Promise<{ code: number; complaint: string }> {
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'mesh/src/run/clean-data.ts')], {
    env: { ...process.env, MESH_DIR: directory },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [complaint, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { code, complaint };
}

describe('make clean-data', () => {
  it('removes the files of a mesh, and its folder if nothing else is in it', async () => {
    const paths = meshPaths(join(createPart(readTestFolder(), 'cleaned').directory, 'mesh'));
    createMeshFolder(paths);
    mkdirSync(paths.logs);
    createCertificates(paths);
    await createIdentities(paths);
    loadSecrets(paths);
    assert.deepEqual(await cleanData(paths.directory), { code: 0, complaint: '' });
    assert.equal(existsSync(paths.directory), false);
  });

  it("leaves foreign folders alone that have names of a mesh's", async () => {
    const paths = meshPaths(createPart(readTestFolder(), 'home').directory);
    mkdirSync(paths.logs);
    const { code, complaint } = await cleanData(paths.directory);
    assert.equal(code, 1);
    assert.match(complaint, /^\S+logs exists already and is not a mesh's: set MESH_DIR to [^\n]+\.\n$/);
    assert.ok(existsSync(paths.logs));
  });
});
