import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PROJECT_DIRECTORY } from 'mesh';
import { startMesh, type TestMesh } from 'testing';

describe('make profile and make log-level', () => {
  let mesh: TestMesh;

  before(async () => {
    mesh = await startMesh();
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  /** Without make. */
  async function runTool(name: string, variables: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'tools/src', name)], {
      cwd: PROJECT_DIRECTORY,
      env: { ...process.env, ...mesh.variables, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code, output, errors };
  }

  it('write a profile of a running service and its flame graph, and print a summary', async () => {
    for (const [kind, extension] of [
      ['cpu', 'cpuprofile'],
      ['heap', 'heapprofile'],
      ['allocations', 'heapprofile'],
    ]) {
      const { code, output, errors } = await runTool('profile.ts', { SERVICE: 'loms', SECONDS: '1', KIND: kind });
      assert.equal(code, 0, errors);
      assert.match(output, /Own cost by function|Nothing was sampled/);
      const files = (await readdir(mesh.paths.profiles)).filter((file) => file.includes(`-${kind}.`)).sort();
      const [file = '', picture = '', ...others] = files;
      assert.deepEqual(others, []);
      assert.match(file, new RegExp(`^loms-${mesh.pids.loms}-.*\\.${extension}$`));
      assert.match(picture, new RegExp(`^loms-${mesh.pids.loms}-.*\\.svg$`));
      const svg = await readFile(join(mesh.paths.profiles, picture), 'utf8');
      assert.match(svg, /^<svg .*<\/svg>\n$/s);
      assert.match(output, new RegExp(`^Picture of the flame graph: \\S*${picture}$`, 'm'));
      assert.match(output, new RegExp(`^Flame graph: npx speedscope \\S*${file}$`, 'm'));
    }
  });

  it('refuse wrong variables in one sentence that says what to do', async () => {
    const wrong: [NodeJS.ProcessEnv, RegExp][] = [
      [
        { SERVICE: '' },
        /^SERVICE is not set: make profile SERVICE=loms \(or products, accounts, notifications, checkout, gateway\)\.$/m,
      ],
      [{ SERVICE: 'lom' }, /^There is no service "lom": make profile SERVICE=loms/m],
      [{ SERVICE: 'loms', KIND: 'disk' }, /^KIND is "disk", but has to be cpu or heap or allocations\.$/m],
      [{ SERVICE: 'loms', SECONDS: '61' }, /^SECONDS is "61", but has to be a whole number from 1 to 60\.$/m],
    ];
    for (const [variables, sentence] of wrong) {
      const { code, errors } = await runTool('profile.ts', variables);
      assert.equal(code, 1);
      assert.match(errors, sentence);
    }
  });

  it('switch the log level of the named service', async () => {
    const { code, errors } = await runTool('log-level.ts', { SERVICE: 'products' });
    assert.equal(code, 0, errors);
    const log = join(mesh.paths.logs, 'products.log');
    const waiting = AbortSignal.timeout(20_000);
    while (!(await readFile(log, 'utf8')).includes('"level_now":"debug"')) {
      waiting.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});
