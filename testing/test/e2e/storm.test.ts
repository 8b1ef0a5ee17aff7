import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findRunningMesh, PROJECT_DIRECTORY } from 'mesh';
import { startMesh, type TestMesh } from 'testing';
import { createPart, readTestFolder } from '../../src/test-folder.ts';
import { queryOnce } from '../query-once.ts';

/** A few users for a few seconds: this tests that a storm runs and is checked, not the capacity of the machine. */
const SMALL = { USERS: '4', SECONDS: '5', RATE: '100', SEED: '1' };
/** The longest wait for the start of the load. */
const BEGIN_TIMEOUT_MS = 30_000;

interface Storm extends Disposable {
  readonly child: ChildProcess;
  output(): string;
  /** Settles when the storm prints the sentence; rejects when it ends before. */
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
  let mesh: TestMesh;

  before(async () => {
    mesh = await startMesh();
  });

  after(async () => {
    await mesh?.[Symbol.asyncDispose]();
  });

  it('orders, finds every rule kept, prints the figures and writes a history', async () => {
    using storm = startStorm(mesh, SMALL);
    assert.equal(await storm.ended, 0, storm.output());
    assert.match(storm.output(), /^SEED=1 /m);
    assert.match(storm.output(), /^\d+ hold, 0 broken, \d+ not checked$/m);
    assert.match(storm.output(), /^orders: [1-9]\d* created, /m);
    assert.match(storm.output(), /^ {2}purchase +\d+ +\d+ +\d+ +\d+ +[\d.]+ +[\d.]+$/m);
    const logs = await readdir(mesh.paths.logs);
    assert.equal(logs.filter((name) => /^storm-.*\.jsonl$/.test(name)).length, 1);
  });

  it('goes through the gateway with accounts of its own, and finds that no user saw anything of another', async () => {
    using storm = startStorm(mesh, { ...SMALL, VIA: 'gateway', USERS: '3' });
    assert.equal(await storm.ended, 0, storm.output());
    assert.match(storm.output(), /^3 users, an admin and a stranger register at http:/m);
    assert.match(storm.output(), /^A3 +holds /m);
    assert.match(storm.output(), /^A4 +holds /m);
    assert.match(storm.output(), /^A5 +holds /m);
    assert.match(storm.output(), /^\d+ hold, 0 broken, \d+ not checked$/m);
    assert.match(storm.output(), /^ {2}addToCart +[1-9]/m);
  });

  it('ends the load early at Ctrl-C, and still checks and reports', async () => {
    using storm = startStorm(mesh, { ...SMALL, SECONDS: '300' });
    await storm.says(/^Wanted by many/m);
    storm.child.kill('SIGINT');
    assert.equal(await storm.ended, 0, storm.output());
    assert.match(storm.output(), /^The load ends early\./m);
    assert.match(storm.output(), /^\d+ hold, 0 broken, \d+ not checked$/m);
    assert.match(storm.output(), /^orders: \d+ created, /m);
  });

  it('ends at once at the second Ctrl-C', async () => {
    using storm = startStorm(mesh, { ...SMALL, SECONDS: '300' });
    await storm.says(/^Wanted by many/m);
    // Two pending signals of one kind are merged; these are two kinds, and the check is longer than the time between them.
    storm.child.kill('SIGINT');
    storm.child.kill('SIGTERM');
    assert.equal(await storm.ended, 130, storm.output());
    assert.doesNotMatch(storm.output(), /broken/);
  });

  it('refuses another machine in one sentence', async () => {
    using storm = startStorm(mesh, { ...SMALL, LOMS_URL: 'http://shop.example:8081' });
    assert.equal(await storm.ended, 1);
    assert.match(storm.output(), /^LOMS_URL names shop\.example, but a storm goes to this machine only: .*\.\n$/);
  });

  it('reports in one sentence that no mesh runs', async () => {
    const MESH_DIR = createPart(readTestFolder(), 'no-mesh').directory;
    using storm = startStorm({ variables: { MESH_DIR } }, SMALL);
    assert.equal(await storm.ended, 1);
    assert.match(storm.output(), /^No mesh runs in \S+: start one with make run-all, .*\.\n$/);
  });

  // The last test, since it breaks the mesh.
  it('fails when a rule is broken', async () => {
    const { loms } = findRunningMesh(mesh.variables).databaseUrls;
    await queryOnce(loms, 'DELETE FROM outbox WHERE event_id = (SELECT event_id FROM outbox LIMIT 1)');
    using storm = startStorm(mesh, { ...SMALL, SECONDS: '1' });
    assert.equal(await storm.ended, 1, storm.output());
    assert.match(storm.output(), /^E1 +BROKEN /m);
  });
});
