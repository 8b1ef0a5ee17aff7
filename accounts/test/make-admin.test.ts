import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Accounts, openAccounts } from './accounts-fixture.ts';

const TOOL = fileURLToPath(new URL('../src/make-admin.ts', import.meta.url));

describe('make admin', () => {
  let fixture: Accounts;

  before(async () => {
    fixture = await openAccounts();
  });
  after(() => fixture?.[Symbol.asyncDispose]());

  function run(EMAIL: string): Promise<{ code: number; out: string; err: string }> {
    const env = { ...process.env, DATABASE_URL: fixture.testDatabase.url, EMAIL };
    return new Promise((resolve) => {
      execFile(process.execPath, [TOOL], { env }, (error, out, err) => {
        resolve({ code: Number(error?.code ?? 0), out, err });
      });
    });
  }

  it('finds no admin and no user in a new database (51)', async () => {
    assert.deepEqual(await fixture.query('SELECT email FROM users'), []);
  });

  it('creates an admin with a password that it shows once, and that logs in (51)', async () => {
    const { code, out } = await run('root@shop.example');
    assert.equal(code, 0);
    const [, password = ''] = /shown only once: ([\w-]{24})\n$/.exec(out) ?? assert.fail(out);
    const { user } = await fixture.client.login({ email: 'root@shop.example', password });
    assert.equal(user.role, 'admin');
    const again = await run('root@shop.example');
    assert.deepEqual(again, { code: 0, out: 'root@shop.example is an admin already.\n', err: '' });
  });

  it('gives the role to an account that exists, and ends its sessions', async () => {
    const credential = { email: 'anna@shop.example', password: 'a walk along the river' };
    const { refreshToken } = await fixture.client.register(credential);
    const said =
      /^anna@shop\.example, user \d+, registered on \d{4}-\d\d-\d\d, is an admin now, .* are not verified: /s;
    // A stranger may have registered the address first, so the operator has to see which account it is.
    assert.match((await run('ANNA@shop.example')).out, said);
    await assert.rejects(fixture.client.refresh({ refreshToken }), { reason: 'session_ended' });
    assert.equal((await fixture.client.login(credential)).user.role, 'admin');
  });

  for (const [email, message] of [
    ['', 'EMAIL is not set'],
    ['root', 'EMAIL is "root", which is no e-mail address'],
  ] as const) {
    it(`says what to do where EMAIL is "${email}"`, async () => {
      const { code, err } = await run(email);
      assert.equal(code, 1);
      assert.equal(err, `make admin failed: ${message}: make admin EMAIL=anna@shop.example\n`);
    });
  }
});
