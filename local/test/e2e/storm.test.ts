import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_DIRECTORY } from '../../src/mesh-config.ts';
import { createPart, readTestFolder } from '../../src/test-folder.ts';
import { startMesh, type TestMesh } from '../../src/testing.ts';

/** A few users for a few seconds: what is tested is that a storm runs and is judged, not how much the machine can take. */
const SMALL = { USERS: '4', SECONDS: '5', RATE: '100', SEED: '1' };
/** Until the load has begun, at most. */
const BEGIN_TIMEOUT_MS = 30_000;

interface Storm extends Disposable {
  readonly child: ChildProcess;
  output(): string;
  /** Settles when the storm says the sentence; rejects when it ends before. */
  says(sentence: RegExp): Promise<void>;
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** `make storm` without make. */
function startStorm(mesh: Pick<TestMesh, 'variables'>, variables: NodeJS.ProcessEnv): Storm {
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'storm/src/main.ts')], {
    cwd: PROJECT_DIRECTORY,
    env: { ...process.env, ...mesh.variables, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const output of [child.stdout, child.stderr]) output.setEncoding('utf8').on('data', (text) => (printed += text));
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  async function says(sentence: RegExp): Promise<void> {
    const waiting = AbortSignal.timeout(BEGIN_TIMEOUT_MS);
    while (!sentence.test(printed)) {
      const ended = child.exitCode !== null || child.signalCode !== null;
      assert.ok(!ended, `It ended without ${sentence}:\n${printed}`);
      await Promise.race([once(child.stdout, 'data', { signal: waiting }), once(child, 'close', { signal: waiting })]);
    }
  }
  return {
    child,
    output: () => printed,
    says,
    ended,
    [Symbol.dispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    },
  };
}

describe('make storm', () => {
  it('goes to this machine only, finds every rule kept and tells the figures; at Ctrl-C it ends early and checks all the same', async () => {
    await using mesh = await startMesh();

    using abroad = startStorm(mesh, { ...SMALL, LOMS_URL: 'http://shop.example:8081' });
    assert.equal(await abroad.ended, 1);
    assert.match(abroad.output(), /^LOMS_URL names shop\.example, but a storm goes to this machine only: .*\.\n$/);

    using whole = startStorm(mesh, SMALL);
    assert.equal(await whole.ended, 0, whole.output());
    assert.match(whole.output(), /^SEED=1 /m);
    assert.match(whole.output(), /^\d+ hold, 0 broken, \d+ not checked$/m);
    assert.match(whole.output(), /^orders: [1-9]\d* created, /m);
    assert.match(whole.output(), /^ {2}purchase +\d+ +\d+ +\d+ +\d+ +[\d.]+ +[\d.]+$/m);
    const logs = await readdir(mesh.paths.logs);
    assert.equal(logs.filter((name) => /^storm-.*\.jsonl$/.test(name)).length, 1);

    using early = startStorm(mesh, { ...SMALL, SECONDS: '300' });
    await early.says(/^Wanted by many/m);
    early.child.kill('SIGINT');
    assert.equal(await early.ended, 0, early.output());
    assert.match(early.output(), /^The load ends early\./m);
    assert.match(early.output(), /^\d+ hold, 0 broken, \d+ not checked$/m);

    using twice = startStorm(mesh, { ...SMALL, SECONDS: '300' });
    await twice.says(/^Wanted by many/m);
    // Two of a kind that come at once are one; these are two, and the check cannot be over between them.
    twice.child.kill('SIGINT');
    twice.child.kill('SIGTERM');
    assert.equal(await twice.ended, 130, twice.output());
    assert.doesNotMatch(twice.output(), /broken/);
  });

  it('says in one sentence that no mesh runs', async () => {
    const MESH_DIR = createPart(readTestFolder(), 'no-mesh').directory;
    using storm = startStorm({ variables: { MESH_DIR } }, SMALL);
    assert.equal(await storm.ended, 1);
    assert.match(storm.output(), /^No mesh runs in \S+: start one with make run-all, .*\.\n$/);
  });
});
