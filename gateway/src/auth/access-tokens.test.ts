import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { RpcError } from 'rpc-kit';
import { attacksOn, createTestKey, forge, goodClaims, goodHeader, type TestKey } from '../../test/forge-token.ts';
import { createVerifier, openAccessTokens } from './access-tokens.ts';
import { type AccountsClient, createAccountState } from './account-state.ts';

const issuer = 'http://localhost:8000';
const audience = 'http://localhost:8000/v1';

/** accounts as the gateway sees it. */
class FakeAccounts implements AccountsClient {
  keys: TestKey[] = [];
  ended: { sessionID: string; until: Date }[] = [];
  /** Answered at most at a time. */
  pageMax = 1_000;
  isAway = false;
  readonly calls = { jwks: 0, revokedSince: 0 };
  #answering: Promise<void> | undefined;

  /** Until the release, a list of ended sessions is asked for, and does not come. */
  holdAnswers(): { release(): void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answering = promise;
    return { release: resolve };
  }

  readonly jwks = async () => {
    this.calls.jwks += 1;
    if (this.isAway) throw new RpcError('unavailable', 'accounts is unavailable');
    return { keys: this.keys.map(({ publicJwk }) => publicJwk) };
  };

  readonly revokedSince = async ({ seq }: { seq: bigint }) => {
    this.calls.revokedSince += 1;
    await this.#answering;
    if (this.isAway) throw new RpcError('unavailable', 'accounts is unavailable');
    const from = Number(seq);
    const revocations = this.ended.slice(from, from + this.pageMax);
    const last = from + revocations.length;
    return { revocations, seq: BigInt(last), complete: last === this.ended.length };
  };
}

async function setUp({ isAway = false } = {}) {
  const accounts = new FakeAccounts();
  accounts.isAway = isAway;
  const key = await createTestKey();
  accounts.keys = [key];
  const clock = { now: Date.parse('2026-11-27T12:00:00Z') };
  const now = () => clock.now;
  const state = createAccountState({ accounts, now });
  if (!isAway) await state.readNews();
  const verify = createVerifier({ state, issuer, audience, now });
  const tokenOf = (own: { sid?: string; sub?: string } = {}, signer = key) =>
    forge(goodHeader(signer.kid), goodClaims({ issuer, audience, now: clock.now, ...own }), signer.privateKey);
  return { accounts, key, clock, state, verify, tokenOf };
}

type Verify = (token: string) => Promise<unknown>;

async function errorOf(verify: Verify, token: string): Promise<RpcError> {
  const outcome = await verify(token).catch((error: unknown) => error);
  assert.ok(outcome instanceof RpcError, `accepted: ${token.slice(0, 300)}`);
  return outcome;
}

const shown = ({ code, message, reason, details, cause }: RpcError) => ({ code, message, reason, details, cause });

async function assertRefused(verify: Verify, token: string): Promise<void> {
  const { code } = await errorOf(verify, token);
  assert.equal(code, 'unauthenticated');
}

describe('An access token', () => {
  it('names the person and the session', async () => {
    const { verify, tokenOf } = await setUp();
    const sid = randomUUID();
    const person = { user: 9_223_372_036_854_775_807n, role: 'user', sessionID: sid };
    const token = tokenOf({ sid, sub: '9223372036854775807' });
    assert.deepEqual(await verify(token), person);
    assert.deepEqual(await verify(token), person);
  });

  it('is refused with one identical error for every attack of the list (1–20)', async () => {
    const { verify, key, clock, tokenOf } = await setUp();
    const expected = shown(await errorOf(verify, 'no token'));
    assert.equal(expected.code, 'unauthenticated');
    const otherTokens = ['f8fPHm8LSlWdKj99j28aAQ.1.c2lnbmF0dXJl'];
    const attacks = await attacksOn({ key, issuer, audience, now: clock.now, otherTokens });
    for (const { number, what, token } of attacks) {
      assert.deepEqual(shown(await errorOf(verify, token)), expected, `${number}: ${what}`);
      // Neither does a second try, which a cache could answer.
      assert.deepEqual(shown(await errorOf(verify, token)), expected, `${number}: ${what}, again`);
    }
    assert.deepEqual(
      [...new Set(attacks.map(({ number }) => number))],
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
    await verify(tokenOf());
  });

  it('is accepted until five seconds after its expiry, and from five seconds before its issue (13, 14)', async () => {
    const { state, verify, clock, tokenOf } = await setUp();
    const token = tokenOf();
    const issuedAt = clock.now;
    const at = async (ms: number): Promise<void> => {
      clock.now = issuedAt + ms;
      await state.readNews();
    };
    await at(-5_000);
    await verify(token);
    await at(304_000);
    await verify(token);
    await verify(tokenOf());
    await at(305_000);
    await assertRefused(verify, token);
    // The same for a process that has not seen it before.
    const other = await setUp();
    const late = other.tokenOf();
    other.clock.now += 305_000;
    await other.state.readNews();
    await assertRefused(other.verify, late);
    const early = await setUp();
    const future = early.tokenOf();
    early.clock.now -= 6_000;
    await early.state.readNews();
    await assertRefused(early.verify, future);
  });

  it('is accepted while its key is published, also as an old one, and refused once the key is removed (21)', async () => {
    const { accounts, state, verify, clock, key, tokenOf } = await setUp();
    const [old, seen] = [tokenOf(), tokenOf()];
    await verify(seen);
    const next = await createTestKey();
    accounts.keys = [next, key];
    clock.now += 5_000;
    await state.readNews();
    await verify(old);
    await verify(tokenOf({}, next));
    accounts.keys = [next];
    clock.now += 5_000;
    await state.readNews();
    await assertRefused(verify, old);
    await assertRefused(verify, seen);
    await verify(tokenOf({}, next));
  });

  it('with an unknown kid asks accounts once per cooldown, and a flood of them costs no good key (22)', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp();
    const good = tokenOf();
    const stranger = await createTestKey();
    const flood = async (): Promise<void> => {
      const tokens = Array.from({ length: 200 }, (_, index) => {
        const kid = String(index).padStart(43, 'k');
        return forge(goodHeader(kid), goodClaims({ issuer, audience, now: clock.now }), stranger.privateKey);
      });
      await Promise.all(tokens.map((token) => assertRefused(verify, token)));
    };
    const before = accounts.calls.jwks;
    await flood();
    assert.equal(accounts.calls.jwks - before, 0, 'the keys were read a moment ago');
    clock.now += 1_000;
    await flood();
    await flood();
    assert.equal(accounts.calls.jwks - before, 1);
    clock.now += 1_000;
    accounts.isAway = true;
    await flood();
    await flood();
    assert.equal(accounts.calls.jwks - before, 2);
    await verify(good);
  });

  it('of a key that is younger than the last reading is accepted at once', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp();
    const next = await createTestKey();
    accounts.keys.push(next);
    clock.now += 1_000;
    const [one, other] = [tokenOf({}, next), tokenOf({}, next)];
    await Promise.all([verify(one), verify(other)]);
    assert.equal(accounts.calls.jwks, 2);
  });

  it('is refused once its session has ended, also if it was accepted before (34)', async () => {
    const { accounts, state, verify, clock, tokenOf } = await setUp();
    const [sid, other] = [randomUUID(), randomUUID()];
    const token = tokenOf({ sid });
    await verify(token);
    accounts.ended = [{ sessionID: sid, until: new Date(clock.now + 360_000) }];
    await state.readNews();
    await assertRefused(verify, token);
    await assertRefused(verify, tokenOf({ sid }));
    await verify(tokenOf({ sid: other }));
  });

  it('is checked against every page of ended sessions, which are forgotten once their tokens have expired', async () => {
    const { accounts, state, verify, clock, tokenOf } = await setUp();
    const sids = Array.from({ length: 5 }, () => randomUUID());
    accounts.pageMax = 2;
    accounts.ended = sids.map((sessionID, index) => ({
      sessionID,
      until: new Date(clock.now + 360_000 + index * 1_000),
    }));
    await state.readNews();
    for (const sid of sids) await assertRefused(verify, tokenOf({ sid }));
    clock.now += 361_500;
    await state.readNews();
    assert.deepEqual(
      sids.map((sid) => state.isEnded(sid)),
      [false, false, true, true, true],
    );
  });

  it('is accepted for a minute without accounts, and then answered with unavailable, not with 401', async () => {
    const { accounts, state, verify, clock, tokenOf } = await setUp();
    accounts.isAway = true;
    clock.now += 60_000;
    await assert.rejects(state.readNews());
    const token = tokenOf();
    await verify(token);
    clock.now += 1;
    const refused = await errorOf(verify, token);
    assert.deepEqual([refused.code, refused.retryAfterMs], ['unavailable', 1_000]);
    accounts.isAway = false;
    await state.readNews();
    await verify(token);
  });

  it('is not judged before accounts has named every ended session', async () => {
    const accounts = new FakeAccounts();
    const key = await createTestKey();
    const sid = randomUUID();
    accounts.keys = [key];
    accounts.ended = [{ sessionID: sid, until: new Date(Date.now() + 360_000) }];
    const registry = new Registry();
    const logger = pino({ level: 'silent' });
    await using opened = openAccessTokens({ accounts, issuer, audience, logger, registry });
    const tokenOf = (own: { sid?: string }) =>
      forge(goodHeader(key.kid), goodClaims({ issuer, audience, now: Date.now(), ...own }), key.privateKey);
    // Asked in the same tick as the first reading begins.
    const [ended, good] = await Promise.allSettled([opened.verify(tokenOf({ sid })), opened.verify(tokenOf({}))]);
    assert.equal(ended.status, 'rejected');
    assert.equal(good.status, 'fulfilled');
    const counted = await registry.getSingleMetricAsString('access_tokens_total');
    assert.match(counted, /outcome="ended"\} 1\n/);
    assert.match(counted, /outcome="valid"\} 1(\n|$)/);
  });

  it('is answered with unavailable where accounts was unavailable from the start', async () => {
    const accounts = new FakeAccounts();
    accounts.isAway = true;
    const options = { accounts, issuer, audience, logger: pino({ level: 'silent' }), registry: new Registry() };
    await using opened = openAccessTokens(options);
    assert.equal((await errorOf(opened.verify, 'no token')).code, 'unavailable');
  });

  it('is judged by news that is younger than 1.4 s, which one call reads for all tokens that wait', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp();
    const sid = randomUUID();
    const tokens = [tokenOf(), tokenOf(), tokenOf({ sid })] as const;
    await verify(tokens[2]);
    clock.now += 600;
    accounts.ended = [{ sessionID: sid, until: new Date(clock.now + 360_000) }];
    const before = accounts.calls.revokedSince;
    clock.now += 800;
    const [good, other] = await Promise.all([verify(tokens[0]), verify(tokens[1]), assertRefused(verify, tokens[2])]);
    assert.ok(good && other);
    assert.equal(accounts.calls.revokedSince - before, 1);
  });

  it('does not wait under steady requests: the news is read beside them, every 0.7 s', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp();
    const token = tokenOf();
    const before = accounts.calls.revokedSince;
    for (let ms = 0; ms < 700; ms += 100) {
      clock.now += 100;
      await verify(token);
    }
    assert.equal(accounts.calls.revokedSince - before, 1);
    const answers = accounts.holdAnswers();
    clock.now += 1_399;
    await verify(token);
    answers.release();
  });

  it('does not wait again once a reading has failed, for a minute; and costs accounts one call in 0.7 s', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp();
    const token = tokenOf();
    accounts.isAway = true;
    clock.now += 20_000;
    const before = accounts.calls.revokedSince;
    await verify(token);
    await verify(token);
    assert.equal(accounts.calls.revokedSince - before, 1);
    const answers = accounts.holdAnswers();
    clock.now += 700;
    await verify(token);
    await verify(token);
    assert.equal(accounts.calls.revokedSince - before, 2);
    answers.release();
  });

  it('is accepted 0.7 s after accounts has come up, also if the process began before it', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp({ isAway: true });
    const token = tokenOf();
    for (const error of [await errorOf(verify, token), await errorOf(verify, token)]) {
      assert.equal(error.code, 'unavailable');
    }
    assert.equal(accounts.calls.revokedSince, 1);
    accounts.isAway = false;
    clock.now += 700;
    await verify(token);
  });

  it('is judged by new news after the clock has been set back', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp();
    clock.now -= 3_600_000;
    const sid = randomUUID();
    accounts.ended = [{ sessionID: sid, until: new Date(clock.now + 360_000) }];
    await assertRefused(verify, tokenOf({ sid }));
  });

  it('is answered with unavailable once the clock has been set back, while accounts is unavailable', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp();
    accounts.isAway = true;
    clock.now -= 3_600_000;
    assert.equal((await errorOf(verify, tokenOf())).code, 'unavailable');
  });

  it('of a new key is accepted after the clock has been set back', async () => {
    const { accounts, verify, clock, tokenOf } = await setUp();
    clock.now -= 3_600_000;
    const fresh = await createTestKey();
    accounts.keys = [fresh];
    await verify(tokenOf({}, fresh));
  });
});
