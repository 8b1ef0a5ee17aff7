import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { toHistoryLine } from '../src/index.ts';
import { connect } from '../src/snapshot.ts';
import { openWorld, type World } from './world.ts';

const SCRIPT = resolve(import.meta.dirname, '../../tools/src/check-invariants.ts');

describe('make check-invariants', () => {
  let world: World;
  let folder: string;
  let environment: NodeJS.ProcessEnv;

  before(async () => {
    world = await openWorld();
    folder = await mkdtemp(join(tmpdir(), 'order-mesh-history-'));
    await writeFile(join(folder, 'history.jsonl'), world.history.map(toHistoryLine).join(''));
    environment = {
      LOMS_DATABASE_URL: world.urls.loms,
      CHECKOUT_DATABASE_URL: world.urls.checkout,
      NOTIFICATIONS_DATABASE_URL: world.urls.notifications,
      PRODUCTS_DATABASE_URL: world.urls.products,
      ACCOUNTS_DATABASE_URL: world.urls.accounts,
      HISTORY: join(folder, 'history.jsonl'),
      LOGS: folder,
      SECRETS: 'planted-and-unsaid',
    };
  });
  after(async () => {
    await world[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  it('prints a verdict for each rule, without colours when not on a terminal, and exits with 0', async () => {
    const { code, output } = await run(environment);
    assert.equal(code, 0, output);
    const lines = output.trim().split('\n');
    assert.equal(lines.filter((line) => /^[SOPEAY]\d {2}(holds|not checked) +\S/.test(line)).length, 28);
    // S4: the stock is at rest here, but the history has a call of stocks.
    assert.match(output, /^S4 {2}holds/m);
    assert.match(lines.at(-1) ?? '', /^\d+ hold, 0 broken, \d+ not checked$/);
  });

  it('fails when a rule is broken, and prints the violations', async () => {
    await withSql(
      'UPDATE orders SET seq = seq + 1 WHERE order_id = 1',
      async () => {
        const { code, output } = await run(environment);
        assert.equal(code, 1);
        assert.match(output, /^O1 {2}BROKEN .*\n +the steps: order_id 1, seq 4, /m);
        assert.match(output, /^\d+ hold, 1 broken, \d+ not checked$/m);
      },
      'UPDATE orders SET seq = seq - 1 WHERE order_id = 1',
    );
  });

  it('waits for the queues at most for the timeout, and prints those that have not drained', async () => {
    await withSql(
      'UPDATE outbox SET delivered_at = NULL WHERE order_id = 1 AND seq = 3',
      async () => {
        const { code, output } = await run(environment, '--drain-timeout', '0');
        assert.equal(code, 1);
        assert.match(output, /^Not drained within 0 s: undelivered events \(E2, E4, E5\): 1\.$/m);
      },
      'UPDATE outbox SET delivered_at = now() WHERE order_id = 1 AND seq = 3',
    );
  });

  for (const [what, variables, message] of [
    ['a missing history', { HISTORY: 'nowhere.jsonl' }, /^The history nowhere\.jsonl cannot be read \(ENOENT\): .*\.$/],
    [
      'no mesh',
      {
        LOMS_DATABASE_URL: '',
        CHECKOUT_DATABASE_URL: '',
        NOTIFICATIONS_DATABASE_URL: '',
        PRODUCTS_DATABASE_URL: '',
        ACCOUNTS_DATABASE_URL: '',
      },
      /^No mesh runs in .*: start one with make run-all.*\.$/,
    ],
    [
      'a database that does not answer',
      { CHECKOUT_DATABASE_URL: 'postgres://x:y@127.0.0.1:9/z' },
      /A database or file cannot be read \(.*ECONNREFUSED.*\): .*\?$/,
    ],
    [
      'a database without TLS where TLS is required',
      { CHECKOUT_DATABASE_URL: 'NO_TLS' },
      /A database or file cannot be read \(.*\): .*\?$/,
    ],
    [
      'a URL with an unknown option',
      { CHECKOUT_DATABASE_URL: 'postgres://x:y@127.0.0.1:9/z?options=-c%20a%3Db' },
      /^CHECKOUT_DATABASE_URL is wrong: its option "options" is not supported: [^\n]+\.$/,
    ],
  ] as const) {
    it(`reports ${what} in one line`, async () => {
      const own: NodeJS.ProcessEnv = { ...environment, MESH_DIR: folder, ...variables };
      if (own.CHECKOUT_DATABASE_URL === 'NO_TLS')
        own.CHECKOUT_DATABASE_URL = `${world.urls.checkout}?sslmode=verify-full`;
      const { code, errors } = await run(own);
      assert.equal(code, 1);
      assert.match(errors.replace(/^Waiting.*\n/, '').trim(), message);
    });
  }

  async function withSql(sql: string, test: () => Promise<void>, undo: string): Promise<void> {
    const client = await connect(world.urls.loms);
    try {
      await client.query(sql);
      await test().finally(() => client.query(undo));
    } finally {
      await client.end();
    }
  }
});

async function run(variables: NodeJS.ProcessEnv, ...words: string[]) {
  const child = spawn(process.execPath, [SCRIPT, ...words], { env: { ...process.env, ...variables }, stdio: 'pipe' });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code, output, errors };
}
