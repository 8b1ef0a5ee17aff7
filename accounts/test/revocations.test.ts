import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { ACCESS_TOKEN } from '../contract.ts';
import type { EndReason } from '../src/domain/ports.ts';
import { forgetRevocations, REVOCATION_SECONDS } from '../src/repository/revocations.ts';
import { forgetSessions } from '../src/repository/sessions.ts';
import { type Accounts, openAccounts } from './accounts-fixture.ts';

describe('The ended sessions', () => {
  let fixture: Accounts;

  beforeEach(async () => {
    fixture = await openAccounts();
  });
  afterEach(() => fixture?.[Symbol.asyncDispose]());

  const signIn = async () => fixture.signIn(await fixture.createUser());
  const context = () => ({ signal: AbortSignal.timeout(10_000) });
  const since = async (seq: bigint) => {
    const { revocations, ...rest } = await fixture.client.revokedSince({ seq });
    return { ...rest, ids: revocations.map(({ sessionID }) => sessionID) };
  };

  it('are listed after a seq, until their last access token has expired', async () => {
    assert.deepEqual(await since(0n), { ids: [], seq: 0n, complete: true });
    const [first, second] = [await signIn(), await signIn()];
    await fixture.client.logout({ refreshToken: first.refreshToken });
    const { revocations } = await fixture.client.revokedSince({ seq: 0n });
    const livesFor = (revocations[0]?.until.getTime() ?? 0) - Date.now();
    assert.ok(livesFor > ACCESS_TOKEN.lifetimeSeconds * 1_000 + 30_000 && livesFor <= REVOCATION_SECONDS * 1_000);
    await fixture.client.endSession({ user: second.user.id, sessionID: second.sessionID });
    assert.deepEqual(await since(0n), { ids: [first.sessionID, second.sessionID], seq: 2n, complete: true });
    assert.deepEqual(await since(1n), { ids: [second.sessionID], seq: 2n, complete: true });
    assert.deepEqual(await since(2n), { ids: [], seq: 2n, complete: true });
    await fixture.query('UPDATE revocations SET until = now() WHERE seq = 1');
    assert.deepEqual((await since(0n)).ids, [second.sessionID]);
  });

  it('are listed whatever ended them (35)', async () => {
    const reasons: EndReason[] = ['password changed', 'role changed', 'disabled'];
    for (const reason of reasons) {
      const user = await fixture.createUser();
      const [kept, ended] = [await fixture.signIn(user), await fixture.signIn(user)];
      const { seq } = await since(0n);
      await fixture.store.transaction(({ sessions }) => sessions.endAll(user.user, reason, kept.sessionID), context());
      assert.deepEqual((await since(seq)).ids, [ended.sessionID], reason);
    }
    const reused = await signIn();
    const { seq } = await since(0n);
    await fixture.client.refresh({
      refreshToken: (await fixture.client.refresh({ refreshToken: reused.refreshToken })).refreshToken,
    });
    await assert.rejects(fixture.client.refresh({ refreshToken: reused.refreshToken }));
    assert.deepEqual((await since(seq)).ids, [reused.sessionID]);
  });

  it('are not listed when the transaction that ends them is rolled back', async () => {
    const { sessionID } = await signIn();
    const rolledBack = fixture.store.transaction(async ({ sessions }) => {
      await sessions.end(sessionID, 'logout');
      throw new Error('rolled back');
    }, context());
    await assert.rejects(rolledBack, /rolled back/);
    assert.deepEqual(await since(0n), { ids: [], seq: 0n, complete: true });
  });

  it('are listed in the order of their commits, so that a reader misses none (E4)', async () => {
    const [early, late] = [await signIn(), await signIn()];
    const [isEnded, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const first = fixture.store.transaction(async ({ sessions }) => {
      await sessions.end(early.sessionID, 'logout');
      isEnded.resolve();
      await mayCommit.promise;
    }, context());
    await isEnded.promise;
    // It begins later, and cannot take its seq before the first one commits.
    const second = fixture.client.logout({ refreshToken: late.refreshToken });
    const isWaiting = `SELECT count(*) AS count FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    for (;;) {
      const [row] = await fixture.query(isWaiting);
      if (row?.count === 1n) break;
    }
    const before = await since(0n);
    assert.deepEqual(before.ids, []);
    mayCommit.resolve();
    await Promise.all([first, second]);
    assert.deepEqual((await since(before.seq)).ids, [early.sessionID, late.sessionID]);
  });

  it('reach a reader that polls while many end at the same time, each of them once', async () => {
    const sessions = await Promise.all(Array.from({ length: 40 }, signIn));
    const seen: string[] = [];
    let seq = 0n;
    const poll = async (): Promise<void> => {
      const page = await since(seq);
      seen.push(...page.ids);
      ({ seq } = page);
    };
    let isOver = false;
    const polling = (async () => {
      while (!isOver) await poll();
    })();
    const another = await fixture.start();
    await Promise.all(
      sessions.map(({ refreshToken }, index) => [fixture, another][index % 2]?.client.logout({ refreshToken })),
    );
    isOver = true;
    await polling;
    await poll();
    assert.deepEqual(seen.toSorted(), sessions.map(({ sessionID }) => sessionID).toSorted());
  });

  it('come in pages of a thousand', async () => {
    await fixture.query(`INSERT INTO revocations
      SELECT n, gen_random_uuid(), now() + interval '1 minute' FROM generate_series(1, 1500) n`);
    await fixture.query('UPDATE revocations_seq SET last = 1500');
    const first = await since(0n);
    assert.deepEqual([first.ids.length, first.seq, first.complete], [1_000, 1_000n, false]);
    const second = await since(first.seq);
    assert.deepEqual([second.ids.length, second.seq, second.complete], [500, 1_500n, true]);
  });

  it('are listed from the start for a seq that the database never gave, as after a backup was restored', async () => {
    const { sessionID, refreshToken } = await signIn();
    await fixture.client.logout({ refreshToken });
    for (const seq of [1_000n, 2n ** 64n - 1n]) {
      assert.deepEqual(await since(seq), { ids: [sessionID], seq: 1n, complete: true });
    }
  });

  it('are forgotten when their time is over, and sessions days after their end', async () => {
    const [live, ended] = [await signIn(), await signIn()];
    await fixture.client.logout({ refreshToken: ended.refreshToken });
    await fixture.query(`INSERT INTO revocations VALUES (100, $1, now() - interval '1 second')`, [randomUUID()]);
    assert.equal(await forgetRevocations(fixture.database), false);
    assert.deepEqual(await fixture.query('SELECT session_id FROM revocations'), [{ session_id: ended.sessionID }]);
    assert.equal(await forgetSessions(fixture.database, 30), false);
    const left = async () => {
      await forgetSessions(fixture.database, 30);
      return (await fixture.query('SELECT session_id FROM sessions')).map((row) => row.session_id);
    };
    await fixture.query(`UPDATE sessions SET expires_at = expires_at - interval '29 days'
      WHERE revoked_at IS NOT NULL`);
    assert.equal((await left()).length, 2);
    await fixture.query(`UPDATE sessions SET expires_at = expires_at - interval '1 day' WHERE revoked_at IS NOT NULL`);
    assert.deepEqual(await left(), [live.sessionID]);
  });
});
