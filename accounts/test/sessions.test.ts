import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { failedWith } from 'rpc-kit';
import { accounts } from '../contract.ts';
import type { IssuedTokens } from '../src/domain/start-session.ts';
import { type Accounts, type AccountsClient, openAccounts } from './accounts-fixture.ts';

describe('A session', () => {
  let fixture: Accounts;
  let client: AccountsClient;

  before(async () => {
    fixture = await openAccounts();
    ({ client } = fixture);
  });
  after(() => fixture?.[Symbol.asyncDispose]());

  const signIn = async () => fixture.signIn(await fixture.createUser());
  const refresh = ({ refreshToken }: Pick<IssuedTokens, 'refreshToken'>) => client.refresh({ refreshToken });
  const rowOf = async (sessionID: string) =>
    (await fixture.query('SELECT * FROM sessions WHERE session_id = $1', [sessionID]))[0];
  /** The last refresh was so many seconds earlier. */
  const age = (sessionID: string, seconds: number) =>
    fixture.query(`UPDATE sessions SET rotated_at = rotated_at - $2 * interval '1 second' WHERE session_id = $1`, [
      sessionID,
      seconds,
    ]);
  const assertEnded = (call: Promise<unknown>) =>
    assert.rejects(call, (error) => failedWith(error, accounts.methods.refresh, 'session_ended'));

  it('gives a successor for its refresh token (23)', async () => {
    const first = await signIn();
    const second = await refresh(first);
    assert.notEqual(second.refreshToken, first.refreshToken);
    assert.deepEqual({ ...second, accessToken: '', refreshToken: '' }, { ...first, accessToken: '', refreshToken: '' });
    const third = await refresh(second);
    assert.equal(new Set([first, second, third].map(({ refreshToken }) => refreshToken)).size, 3);
  });

  it('takes one step for fifty refreshes of one token at the same time, which share one successor (24)', async () => {
    const first = await signIn();
    const another = await fixture.start();
    const callers = [client, another.client];
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        callers[index % 2]?.refresh({ refreshToken: first.refreshToken }, { timeoutMs: 30_000 }),
      ),
    );
    assert.equal(new Set(answers.map((answer) => answer?.refreshToken)).size, 1);
    assert.equal((await rowOf(first.sessionID))?.counter, 2);
    await refresh({ refreshToken: answers[0]?.refreshToken ?? '' });
  });

  it('gives the same successor again for the token before, within 10 seconds of the refresh (25)', async () => {
    const first = await signIn();
    const second = await refresh(first);
    await age(first.sessionID, 8);
    assert.equal((await refresh(first)).refreshToken, second.refreshToken);
    assert.equal((await refresh(second)).user.id, first.user.id);
  });

  it('ends when the token before comes later (26)', async () => {
    const first = await signIn();
    const second = await refresh(first);
    await age(first.sessionID, 11);
    await assertEnded(refresh(first));
    await assertEnded(refresh(second));
    assert.equal((await rowOf(first.sessionID))?.reason, 'reused');
    const audited = await fixture.query(`SELECT kind FROM audit_events WHERE user_id = $1`, [first.user.id]);
    assert.deepEqual(audited, [{ kind: 'token reused' }]);
  });

  it('ends when the token before the one before comes within 10 seconds (27)', async () => {
    const first = await signIn();
    const third = await refresh(await refresh(first));
    await assertEnded(refresh(first));
    await assertEnded(refresh(third));
  });

  it('ends when a token comes that it has not given yet (28)', async () => {
    const { sessionID, refreshToken } = await signIn();
    const ahead = fixture.tokens.refreshTokens.mint({ sessionID, counter: 2 });
    await assertEnded(client.refresh({ refreshToken: ahead }));
    await assertEnded(client.refresh({ refreshToken }));
  });

  it("accepts neither another session's HMAC nor any other text, and lives on (29)", async () => {
    const [mine, other] = [await signIn(), await signIn()];
    const [id, counter, mac] = mine.refreshToken.split('.') as [string, string, string];
    const [, , otherMac] = other.refreshToken.split('.');
    const databaseOnly = createHmac('sha256', mine.sessionID).update('1').digest('base64url');
    const forged = [
      `${id}.${counter}.${otherMac}`,
      `${id}.${counter}.${databaseOnly}`,
      `${id}.2.${mac}`,
      `${id}.01.${mac}`,
      `${id}.1e0.${mac}`,
      `${id}.99999999999999999999.${mac}`,
      `${mine.refreshToken}=`,
      `${mine.refreshToken}.`,
      ` ${mine.refreshToken}`,
      mine.refreshToken.toUpperCase(),
      mine.accessToken.slice(0, 512),
      fixture.tokens.refreshTokens.mint({ sessionID: randomUUID(), counter: 1 }),
      '..',
    ];
    for (const refreshToken of forged) await assertEnded(client.refresh({ refreshToken }));
    await refresh(mine);
  });

  it('steps twice within a second (30)', async () => {
    const first = await signIn();
    const second = await refresh(first);
    const third = await refresh(second);
    assert.equal((await refresh(second)).refreshToken, third.refreshToken);
    assert.equal((await rowOf(first.sessionID))?.counter, 3);
  });

  it('expires 14 days after its last use, and each use prolongs it', async () => {
    const first = await signIn();
    const days = async () => {
      const [row] = await fixture.query(
        `SELECT (extract(epoch FROM expires_at - clock_timestamp()) / 86400)::float8 AS days FROM sessions WHERE session_id = $1`,
        [first.sessionID],
      );
      return Math.round(Number(row?.days));
    };
    assert.equal(await days(), 14);
    await fixture.query(`UPDATE sessions SET expires_at = now() + interval '1 day' WHERE session_id = $1`, [
      first.sessionID,
    ]);
    const second = await refresh(first);
    assert.equal(await days(), 14);
    await fixture.query(`UPDATE sessions SET expires_at = now() WHERE session_id = $1`, [first.sessionID]);
    await assertEnded(refresh(second));
  });

  it('expires 30 days after its start with its access tokens, however often it is used (31)', async () => {
    const first = await signIn();
    await fixture.query(
      `UPDATE sessions SET created_at = created_at - interval '29 days', expires_at = now() + interval '1 hour',
        absolute_expires_at = absolute_expires_at - interval '29 days' WHERE session_id = $1`,
      [first.sessionID],
    );
    const second = await refresh(first);
    const row = await rowOf(first.sessionID);
    assert.deepEqual(row?.expires_at, row?.absolute_expires_at);
    const end = "absolute_expires_at = date_trunc('second', now()) + interval '1 minute'";
    await fixture.query(
      `UPDATE sessions SET ${end}, expires_at = now() + interval '50 seconds' WHERE session_id = $1`,
      [first.sessionID],
    );
    const third = await refresh(second);
    const { exp, iat = 0 } = decodeJwt(third.accessToken);
    const endsAt = (await rowOf(first.sessionID))?.absolute_expires_at as Date;
    assert.deepEqual([exp, third.expiresIn], [endsAt.getTime() / 1_000, endsAt.getTime() / 1_000 - iat]);
    await fixture.query(`UPDATE sessions SET absolute_expires_at = now(), expires_at = now() WHERE session_id = $1`, [
      first.sessionID,
    ]);
    await assertEnded(refresh(third));
  });

  it('gives its successor to a retry after an answer that was lost with the process (32)', async () => {
    const first = await signIn();
    const dying = await fixture.start();
    const lost = await dying.client.refresh({ refreshToken: first.refreshToken });
    await dying[Symbol.asyncDispose]();
    assert.equal((await refresh(first)).refreshToken, lost.refreshToken);
  });

  it('ends by logout, which answers the same again, and for an unknown token (33)', async () => {
    const first = await signIn();
    const second = await refresh(first);
    for (const refreshToken of [second.refreshToken, second.refreshToken, first.refreshToken, 'no token at all']) {
      assert.deepEqual(await client.logout({ refreshToken }), {});
    }
    await assertEnded(refresh(second));
    assert.equal((await rowOf(first.sessionID))?.reason, 'logout');
  });

  it('survives when the user ends the others, and ends with all (33)', async () => {
    const user = await fixture.createUser();
    const [mine, ...others] = [await fixture.signIn(user), await fixture.signIn(user), await fixture.signIn(user)];
    const stranger = await signIn();
    assert.deepEqual(await client.endSessions({ user: user.user, except: mine?.sessionID }), { ended: 2 });
    for (const other of others) await assertEnded(refresh(other));
    const next = await refresh(mine as IssuedTokens);
    assert.deepEqual(await client.endSessions({ user: user.user }), { ended: 1 });
    assert.deepEqual(await client.endSessions({ user: user.user }), { ended: 0 });
    await assertEnded(refresh(next));
    await refresh(stranger);
  });

  it('of a disabled user gives no successor, even where nothing ended it (35)', async () => {
    const first = await signIn();
    await fixture.query('UPDATE users SET disabled_at = now() WHERE user_id = $1', [first.user.id]);
    await assertEnded(refresh(first));
  });

  it('can be ended by its user only; for another user it does not exist (37)', async () => {
    const [mine, other] = [await signIn(), await signIn()];
    const { sessionID } = mine;
    const isMissing = (error: unknown) => failedWith(error, accounts.methods.endSession, 'session_not_found');
    await assert.rejects(client.endSession({ user: other.user.id, sessionID }), isMissing);
    await assert.rejects(client.endSession({ user: mine.user.id, sessionID: randomUUID() }), isMissing);
    const second = await refresh(mine);
    assert.deepEqual(await client.endSession({ user: mine.user.id, sessionID }), {});
    assert.deepEqual(await client.endSession({ user: mine.user.id, sessionID }), {});
    await assert.rejects(client.endSession({ user: other.user.id, sessionID }), isMissing);
    await assertEnded(refresh(second));
  });

  it('is listed with its device while it lives, newest first', async () => {
    const user = await fixture.createUser();
    const [first, second, ended] = [await fixture.signIn(user), await fixture.signIn(user), await fixture.signIn(user)];
    await client.logout({ refreshToken: ended?.refreshToken ?? '' });
    await client.refresh({
      refreshToken: first?.refreshToken ?? '',
      device: { address: '2001:db8::1', userAgent: 'another browser' },
    });
    const { sessions } = await client.listSessions({ user: user.user });
    assert.deepEqual(
      sessions.map(({ sessionID, address, userAgent }) => ({ sessionID, address, userAgent })),
      [
        { sessionID: second?.sessionID, address: '192.0.2.7', userAgent: 'tests' },
        { sessionID: first?.sessionID, address: '2001:db8::1', userAgent: 'another browser' },
      ],
    );
    assert.ok(sessions[1] && sessions[1].usedAt > sessions[1].createdAt);
  });

  it('is ended by the hundredth one after it', async () => {
    const user = await fixture.createUser();
    const oldest = await fixture.signIn(user);
    for (let count = 1; count < 100; count++) await fixture.signIn(user);
    const second = await refresh(oldest);
    await fixture.signIn(user);
    await refresh(second);
    assert.equal((await client.listSessions({ user: user.user })).sessions.length, 100);
    const ended = await fixture.query(`SELECT reason FROM sessions WHERE user_id = $1 AND revoked_at IS NOT NULL`, [
      user.user,
    ]);
    assert.deepEqual(ended, [{ reason: 'evicted' }]);
  });

  it('leaves no token in the database, in clear or hashed (36)', async () => {
    const first = await signIn();
    const second = await refresh(first);
    const tables = await fixture.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`);
    const dumps = await Promise.all(
      tables.map(({ tablename }) =>
        fixture.query(`SELECT coalesce(json_agg(t), '[]')::text AS dump FROM ${tablename} t`),
      ),
    );
    const dump = dumps
      .flat()
      .map((row) => row.dump)
      .join('\n');
    assert.ok(dump.includes(first.sessionID));
    const parts = [first, second].flatMap(({ refreshToken, accessToken }) => [
      refreshToken.split('.')[2] ?? '',
      accessToken.split('.')[2] ?? '',
    ]);
    for (const part of parts) {
      assert.ok(part.length > 40);
      const bytes = Buffer.from(part, 'base64url');
      for (const text of [part, bytes.toString('hex'), bytes.toString('base64')]) assert.ok(!dump.includes(text));
    }
  });
});
