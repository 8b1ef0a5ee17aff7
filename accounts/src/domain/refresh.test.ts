import assert from 'node:assert/strict';
import sinon from 'sinon';
import { endSession, endSessions, logout } from './end-session.ts';
import type { LockedSession, Repositories, Store } from './ports.ts';
import { type RefreshOutcome, refresh } from './refresh.ts';
import { startSession } from './start-session.ts';

const ANNA = { user: 1n, email: 'anna@shop.example', role: 'user' } as const;
const ENDS_AT = new Date('2026-12-20T09:00:00.000Z');
const LIVE: LockedSession = { user: ANNA, counter: 3, isLive: true, isInGrace: true, endsAt: ENDS_AT };
const DEVICE = { address: '192.0.2.7' };
const context = { signal: new AbortController().signal };

/** A session `s` at step 3. A token is its step, written as `s.3`. */
function setUp(session: LockedSession | undefined) {
  const sessions = {
    start: sinon.stub().resolves({ sessionID: 's', counter: 1 }),
    lock: sinon.stub().resolves(session),
    rotate: sinon.stub().resolves(),
    end: sinon.stub().resolves(true),
    has: sinon.stub().resolves(false),
    endAll: sinon.stub().resolves(2),
  };
  const audit = { add: sinon.stub().resolves() };
  const repositories = { sessions, audit } as unknown as Repositories;
  const store: Store = { transaction: (work) => work(repositories) };
  const outcomes: RefreshOutcome[] = [];
  const parts = {
    store,
    accessTokens: { sign: sinon.stub().resolves({ accessToken: 'an access token', expiresIn: 300 }) },
    refreshTokens: {
      mint: ({ sessionID, counter }: { sessionID: string; counter: number }) => `${sessionID}.${counter}`,
      read(token: string) {
        const [sessionID = '', counter] = token.split('.');
        return counter === undefined ? undefined : { sessionID, counter: Number(counter) };
      },
    },
    onRefresh: (outcome: RefreshOutcome) => outcomes.push(outcome),
  };
  return { sessions, audit, repositories, parts, outcomes };
}

const refused = { name: 'Refusal', reason: 'session_ended' };

describe('A refresh', () => {
  it('moves the session to its next step, and answers with its token', async () => {
    const { sessions, parts, outcomes } = setUp(LIVE);
    assert.deepEqual(await refresh(parts, 's.3', DEVICE, context), {
      user: { id: 1n, email: ANNA.email, role: 'user' },
      sessionID: 's',
      accessToken: 'an access token',
      expiresIn: 300,
      refreshToken: 's.4',
    });
    sinon.assert.calledOnceWithExactly(sessions.rotate, 's', DEVICE);
    assert.deepEqual(outcomes, ['rotated']);
  });

  it('signs an access token that knows when the session ends at the latest (31)', async () => {
    for (const token of ['s.3', 's.2']) {
      const { parts } = setUp(LIVE);
      await refresh(parts, token, DEVICE, context);
      const bearer = { user: 1n, role: 'user', sessionID: 's', endsAt: ENDS_AT };
      sinon.assert.calledOnceWithExactly(parts.accessTokens.sign, bearer);
    }
  });

  it('with the token before answers with the same successor while it is in grace', async () => {
    const { sessions, parts, outcomes } = setUp(LIVE);
    assert.equal((await refresh(parts, 's.2', DEVICE, context)).refreshToken, 's.3');
    sinon.assert.notCalled(sessions.rotate);
    assert.deepEqual(outcomes, ['repeated']);
  });

  for (const [what, token, session] of [
    ['the token before, after its grace', 's.2', { ...LIVE, isInGrace: false }],
    ['an older token', 's.1', LIVE],
    ['a token that it has not given yet', 's.4', LIVE],
  ] as const) {
    it(`ends the session for ${what}`, async () => {
      const { sessions, audit, parts, outcomes } = setUp(session);
      await assert.rejects(refresh(parts, token, DEVICE, context), refused);
      sinon.assert.calledOnceWithExactly(sessions.end, 's', 'reused');
      sinon.assert.calledOnceWithExactly(audit.add, { kind: 'token reused', user: 1n }, DEVICE);
      assert.deepEqual(outcomes, ['reused']);
    });
  }

  for (const [what, token, session] of [
    ['a text that is no token', 'nonsense', LIVE],
    ['a session that nobody knows', 's.3', undefined],
    ['a session that has ended', 's.3', { ...LIVE, isLive: false }],
    ['an old token of a session that has ended', 's.1', { ...LIVE, isLive: false }],
  ] as const) {
    it(`is refused for ${what}, and changes nothing`, async () => {
      const { sessions, parts, outcomes } = setUp(session);
      await assert.rejects(refresh(parts, token, DEVICE, context), refused);
      sinon.assert.notCalled(sessions.end);
      sinon.assert.notCalled(sessions.rotate);
      assert.deepEqual(outcomes, ['refused']);
    });
  }
});

describe('A session', () => {
  it('starts with the first refresh token', async () => {
    const { parts, repositories } = setUp(undefined);
    assert.equal((await startSession({ ...parts, repositories }, ANNA, DEVICE)).refreshToken, 's.1');
  });

  it('ends by logout, whatever its step, and a text that is no token ends none', async () => {
    const { sessions, parts } = setUp(LIVE);
    await logout(parts, 's.1', context);
    await logout(parts, 'nonsense', context);
    sinon.assert.calledOnceWithExactly(sessions.end, 's', 'logout');
  });

  it('is ended by its user, again without a change, and is not found where the user has none', async () => {
    const { sessions, parts } = setUp(LIVE);
    await endSession(parts.store, 1n, 's', context);
    sinon.assert.calledOnceWithExactly(sessions.end, 's', 'logout', 1n);
    sessions.end.resolves(false);
    await assert.rejects(endSession(parts.store, 1n, 's', context), { name: 'Refusal', reason: 'session_not_found' });
    sessions.has.resolves(true);
    await endSession(parts.store, 1n, 's', context);
  });

  it('ends with the others of its user', async () => {
    const { sessions, parts } = setUp(LIVE);
    assert.equal(await endSessions(parts.store, 1n, 's', context), 2);
    sinon.assert.calledOnceWithExactly(sessions.endAll, 1n, 'logout', 's');
  });
});
