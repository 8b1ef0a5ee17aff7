import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Accounts, openAccounts } from './accounts-fixture.ts';

describe('After kill -9 of accounts', () => {
  let fixture: Accounts;
  before(async () => {
    fixture = await openAccounts();
  });
  after(() => fixture?.[Symbol.asyncDispose]());

  const signIn = async () => fixture.signIn(await fixture.createUser());

  async function die(moment: 'before' | 'after', statement: string, method: string, params: object): Promise<void> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'dying-accounts.ts')], {
      env: {
        ...process.env,
        DATABASE_URL: fixture.testDatabase.url,
        METHOD: method,
        PARAMS: JSON.stringify(params),
        STATEMENT: statement,
        MOMENT: moment,
      },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [, signal] = await once(child, 'exit');
    assert.equal(signal, 'SIGKILL');
  }
  const counterOf = async (sessionID: string) =>
    (await fixture.query('SELECT counter FROM sessions WHERE session_id = $1', [sessionID]))[0]?.counter;

  it('between the commit of a refresh and its answer, the retry gets the successor that was lost (32)', async () => {
    const { sessionID, refreshToken } = await signIn();
    await die('after', 'rotate session', 'refresh', { refreshToken });
    assert.equal(await counterOf(sessionID), 2);
    const retried = await fixture.client.refresh({ refreshToken });
    assert.equal(retried.refreshToken, fixture.tokens.refreshTokens.mint({ sessionID, counter: 2 }));
    assert.equal(await counterOf(sessionID), 2);
    await fixture.client.refresh({ refreshToken: retried.refreshToken });
  });

  it('before the commit of a refresh, the retry takes the step (32)', async () => {
    const { sessionID, refreshToken } = await signIn();
    await die('before', 'rotate session', 'refresh', { refreshToken });
    assert.equal(await counterOf(sessionID), 1);
    await fixture.client.refresh({ refreshToken });
    assert.equal(await counterOf(sessionID), 2);
  });

  it('around the commit of a logout, the session has ended and is published, or neither; the retry ends it', async () => {
    for (const moment of ['before', 'after'] as const) {
      const { sessionID, refreshToken } = await signIn();
      await die(moment, 'add revocations', 'logout', { refreshToken });
      const published = async () => {
        const { revocations } = await fixture.client.revokedSince({ seq: 0n });
        return revocations.filter((revocation) => revocation.sessionID === sessionID).length;
      };
      const isEnded = async () =>
        (await fixture.query('SELECT FROM sessions WHERE session_id = $1 AND revoked_at IS NOT NULL', [sessionID]))
          .length;
      const expected = moment === 'before' ? 0 : 1;
      assert.deepEqual([await isEnded(), await published()], [expected, expected]);
      await fixture.client.logout({ refreshToken });
      assert.deepEqual([await isEnded(), await published()], [1, 1]);
    }
  });
});
