import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { findRunningMesh, PROJECT_DIRECTORY } from 'mesh';
import { startMesh, type TestMesh } from 'testing';
import { createPart, readTestFolder } from '../../src/test-folder.ts';
import { queryOnce } from '../query-once.ts';

/** A few purchases: this tests that they are made and counted, not the speed of the machine. */
const SMALL = { USERS: '4', RATE: '5', SECONDS: '3' };
const PURCHASES = 15;

describe('make load', () => {
  let mesh: TestMesh;

  before(async () => {
    mesh = await startMesh({ RATE_LIMIT_ADDRESS: '10000', RATE_LIMIT_USER: '10000' });
  });
  after(() => mesh?.[Symbol.asyncDispose]());

  /** Without make. */
  async function runLoad(variables: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, [join(PROJECT_DIRECTORY, 'storm/src/load/main.ts')], {
      cwd: PROJECT_DIRECTORY,
      env: { ...process.env, ...mesh.variables, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code, output, errors };
  }

  const countOrders = async (): Promise<{ paid: number; on_sale: string }> => {
    const [row] = await queryOnce(
      findRunningMesh(mesh.variables).databaseUrls.loms,
      `SELECT (SELECT count(*)::int FROM orders WHERE status = 'payed') AS paid, sum(on_sale) AS on_sale FROM stocks`,
    );
    return row as { paid: number; on_sale: string };
  };

  it('buys and pays through checkout, and prints the purchases, their percentiles and the errors', async () => {
    const before = await countOrders();
    const { code, output, errors } = await runLoad(SMALL);
    assert.equal(code, 0, errors + output);
    const [, paid] = /^purchases: 15 offered, (\d+) paid, \d+ failed, 0 never started$/m.exec(output) ?? [];
    assert.ok(Number(paid) > 0 && Number(paid) <= PURCHASES, output);
    assert.match(output, /^ {2}latency in ms +count +p50 +p90 +p99 +p99\.9 +p99\.99 +max$/m);
    assert.match(output, /^ {2}from due to paid +15( +[\d.]+){6}$/m);
    for (const method of ['addToCart', 'orderPayed', 'purchase']) {
      assert.match(output, new RegExp(`^ {2}${method} +\\d+( +[\\d.]+){6}$`, 'm'));
    }
    const after = await countOrders();
    assert.ok(after.paid - before.paid >= Number(paid));
    assert.ok(BigInt(after.on_sale) >= BigInt(before.on_sale), 'it takes nothing of the stock that was on sale');
  });

  it('buys through the REST API with accounts of its own', async () => {
    const { code, output, errors } = await runLoad({ ...SMALL, VIA: 'gateway', USERS: '2' });
    assert.equal(code, 0, errors + output);
    assert.match(output, /^2 users register at http:/m);
    assert.match(output, /^purchases: 15 offered, [1-9]\d* paid, /m);
  });

  it('refuses a wrong variable, and reports that no mesh runs, in one sentence each', async () => {
    const wrong = await runLoad({ RATE: '0' });
    assert.deepEqual([wrong.code, wrong.errors], [1, 'RATE is "0", but has to be a whole number from 1 to 1000.\n']);
    const { code, errors } = await runLoad({ MESH_DIR: createPart(readTestFolder(), 'no-mesh-to-load').directory });
    assert.equal(code, 1);
    assert.match(errors, /^No mesh runs in \S+: start one with make run-all, .*\.\n$/);
  });
});
