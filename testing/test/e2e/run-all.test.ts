import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, lstatSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT_DIRECTORY, SERVICES } from 'mesh';
import { isAlive, type ProcessStamp } from 'mesh/mesh-folder';
import { startMesh, type TestMesh } from 'testing';
import { chooseSurroundings, spawnRunner } from '../../src/test-mesh.ts';
import { call } from './call.ts';

const STOP_LIMIT_MS = 5_000;
/** A limit against hanging: no user waits for the end of a killed run. */
const GONE_TIMEOUT_MS = 20_000;
const SKU = 1_076_963;

async function waitUntilGone(processes: ProcessStamp[]): Promise<string[]> {
  const deadline = performance.now() + GONE_TIMEOUT_MS;
  while (processes.some(isAlive) && performance.now() < deadline) await sleep(50);
  return processes.filter(isAlive).map(({ name }) => name);
}

describe('make run-all', () => {
  it('starts every service, stops all of it within 5 s of SIGTERM and leaves no process behind', async () => {
    await using mesh = await startMesh();
    for (const service of SERVICES) {
      const response = await fetch(`${mesh.urls[service]}/readyz`);
      assert.equal(response.status, 200, service);
    }
    const processes = mesh.listProcesses();
    assert.ok(processes.length >= SERVICES.length + 2, 'the supervisor, Postgres and the services are on record');
    const tookMs = await mesh.stop('SIGTERM');
    assert.ok(tookMs < STOP_LIMIT_MS, `it took ${tookMs} ms`);
    assert.equal(await mesh.ended, 0);
    assert.doesNotMatch(mesh.output(), /was killed/);
    assert.deepEqual(
      processes.filter(isAlive).map(({ name }) => name),
      [],
    );
  });

  it('is stopped by make stop in another process, which reports when nothing runs', async () => {
    await using mesh = await startMesh();
    const processes = mesh.listProcesses();
    const first = await makeStop(mesh.variables);
    assert.equal(first.code, 0);
    assert.match(first.said, /^make run-all in \S+ is stopped\. Its data is kept\.$/m);
    assert.equal(await mesh.ended, 0);
    assert.deepEqual(processes.filter(isAlive), []);
    const again = await makeStop(mesh.variables);
    assert.equal(again.code, 1);
    assert.match(again.said, /^Nothing runs in \S+\. Containers were not looked for: /);
  });

  it('is not stopped by make stop in a copy of its folder, and is by make stop where the folder was moved to', async () => {
    await using mesh = await startMesh();
    const { directory } = mesh.paths;
    const [copy, moved] = [`${directory}-copy`, `${directory}-moved`];
    // Node cannot copy sockets, and a copy needs none.
    cpSync(directory, copy, { recursive: true, filter: (path) => !lstatSync(path).isSocket() });
    const inCopy = await makeStop({ ...mesh.variables, MESH_DIR: copy });
    assert.equal(inCopy.code, 1);
    assert.match(inCopy.said, /^Nothing runs in \S+-copy\. /);
    assert.equal((await fetch(`${mesh.urls.loms}/readyz`)).status, 200);

    renameSync(directory, moved);
    const inMoved = await makeStop({ ...mesh.variables, MESH_DIR: moved });
    assert.match(inMoved.said, /^make run-all in \S+-moved is stopped\. Its data is kept\.$/m);
    assert.equal(await mesh.ended, 0);
  });

  it('finds the orders, people and sessions of before when it starts again after kill -9 of everything', async () => {
    await using first = await startMesh();
    await call(first, 'checkout', 'addToCart', { user: 7, sku: SKU, count: 2 });
    const { orderID } = await call(first, 'checkout', 'purchase', { user: 7 });
    const person = { email: 'anna@shop.example', password: 'a walk along the river' };
    const { refreshToken } = await call(first, 'accounts', 'register', person);
    killAll(first);
    await first.ended;

    await using second = await startMesh(first.variables);
    const order = await call(second, 'loms', 'listOrder', { orderID });
    assert.deepEqual(order, { status: 'awaiting payment', user: 7, items: [{ sku: SKU, count: 2 }] });
    assert.deepEqual(await call(second, 'checkout', 'listCart', { user: 7 }), { items: [], totalPrice: 0 });
    for (const [method, params] of Object.entries({ login: person, refresh: { refreshToken } })) {
      const { user } = await call(second, 'accounts', method, params);
      assert.deepEqual(user, { id: 1, email: person.email, role: 'user' }, method);
    }
  });

  it('leaves no process running when only the runner is killed', async () => {
    await using mesh = await startMesh();
    const processes = mesh.listProcesses();
    process.kill(mesh.pid, 'SIGKILL');
    assert.deepEqual(await waitUntilGone(processes), []);
  });

  it('stops everything and reports the reason when a service dies', async () => {
    await using mesh = await startMesh();
    const processes = mesh.listProcesses();
    process.kill(mesh.pids.loms, 'SIGKILL');
    assert.equal(await mesh.ended, 1);
    assert.match(mesh.output(), /^loms stopped by itself \(SIGKILL\): see the end of \S+loms\.log\.$/m);
    assert.deepEqual(await waitUntilGone(processes), []);
  });

  it('ends with the message of a service about a wrong variable', async () => {
    await using runner = spawnRunner({ ...(await chooseSurroundings()), ORDER_PAYMENT_TIMEOUT_MS: 'soon' });
    assert.equal(await runner.ended, 1);
    const lines = runner.output().trim().split('\n');
    assert.match(lines.at(-1) ?? '', /^loms cannot run: ORDER_PAYMENT_TIMEOUT_MS is wrong: .*\.$/);
  });

  it('refuses a folder that another run uses', async () => {
    await using mesh = await startMesh();
    await using second = spawnRunner(mesh.variables);
    assert.equal(await second.ended, 1);
    assert.match(second.output(), /^make run-all \(process \d+\) is at work in .* already: .*\.$/m);
  });

  it('reports a port in use in one sentence', async () => {
    const variables = await chooseSurroundings();
    const occupant = createServer().listen(Number(variables.LOMS_PORT), '127.0.0.1');
    await once(occupant, 'listening');
    try {
      await using runner = spawnRunner(variables);
      assert.equal(await runner.ended, 1);
      const lines = runner.output().trim().split('\n');
      assert.equal(lines.length, 2);
      assert.match(
        lines[1] ?? '',
        new RegExp(`^Port ${variables.LOMS_PORT} \\(LOMS_PORT\\) is in use already: .*\\.$`),
      );
    } finally {
      occupant.close();
    }
  });
});

async function makeStop(variables: NodeJS.ProcessEnv): Promise<{ code: unknown; said: string }> {
  // The tests must not stop the developer's own containers of the mesh.
  const environment = { ...process.env, ...variables, STACK: '', DOCKER_HOST: 'unix:///nowhere.sock' };
  const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'mesh/src/run/stop.ts')], { env: environment });
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await once(child, 'exit');
  return { code, said: (await said).join('') };
}

function killAll(mesh: TestMesh): void {
  for (const pid of [
    mesh.pid,
    ...mesh
      .listProcesses()
      .filter(isAlive)
      .map((stamp) => stamp.pid),
  ]) {
    process.kill(pid, 'SIGKILL');
  }
}
