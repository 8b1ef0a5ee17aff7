import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MeshPaths, meshPaths } from '../mesh-config.ts';
import { stopLeftovers } from './leftovers.ts';

/** Larger than any pid, like the pid of a process in another container: no process here has it. */
const NO_PID = 2 ** 30;

describe('A killed run', () => {
  let parent: string;
  let paths: MeshPaths;
  let data: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'order-mesh-leftovers-'));
    // Longer than the path of a socket may be.
    paths = meshPaths(join(parent, 'a-folder-with-a-long-name'.repeat(5)));
    data = join(paths.postgres, 'data');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'postmaster.pid'), `${NO_PID}\n`);
    writeFileSync(join(data, '.s.PGSQL.5.lock'), `${NO_PID}\n`);
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  it('may leave a Postgres in another container: its data is refused, although its pid is unknown here', async () => {
    const here = process.cwd();
    process.chdir(data);
    const postgres = createServer().listen('.s.PGSQL.5');
    process.chdir(here);
    await once(postgres, 'listening');
    try {
      await assert.rejects(stopLeftovers([], paths), {
        name: 'Failure',
        message: `A Postgres of an earlier run still works on ${data}, in another container or process namespace: end it there, then call again.`,
      });
      assert.ok(existsSync(join(data, 'postmaster.pid')));
    } finally {
      postgres.close();
    }
  });

  it('leaves the pid file and the socket of a dead Postgres, and both are removed', async () => {
    assert.equal(await stopLeftovers([], paths), 0);
    assert.deepEqual(readdirSync(data), []);
  });

  it('has nothing at the old path of a folder that was moved', async () => {
    assert.equal(await stopLeftovers([]), 0);
    assert.deepEqual(readdirSync(data).sort(), ['.s.PGSQL.5.lock', 'postmaster.pid']);
  });
});
