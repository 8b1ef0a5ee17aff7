import assert from 'node:assert/strict';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { pino } from 'pino';
import { ACCESS_TOKEN } from '../contract.ts';
import { createTokens } from '../src/create-tokens.ts';
import { endActiveKey, removeSigningKeys } from '../src/repository/signing-keys.ts';
import { type Accounts, AUDIENCE, ISSUER, openAccounts, type Replica } from './accounts-fixture.ts';

const BEARER = { user: 1n, role: 'user', sessionID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01' } as const;

describe('The signing keys', () => {
  let fixture: Accounts;
  let other: Replica;
  let replicas: readonly Replica[];

  beforeEach(async () => {
    fixture = await openAccounts();
    other = await fixture.start();
    replicas = [fixture, other];
    await everyReplicaReads();
  });
  afterEach(() => fixture?.[Symbol.asyncDispose]());

  /** Twice: the first reading may have begun before what the test did. */
  async function everyReplicaReads(): Promise<void> {
    for (let reading = 0; reading < 2; reading++) await Promise.all(replicas.map(({ tokens }) => tokens.keys.reload()));
  }

  /** `make rotate-keys` at a time when the next key has been published for a while. */
  async function rotate(): Promise<void> {
    await fixture.query(`UPDATE signing_keys SET until = until - interval '15 seconds' WHERE state = 'next'`);
    await endActiveKey(fixture.database);
  }

  const sign = async (by: Replica) => (await by.tokens.accessTokens.sign(BEARER)).accessToken;
  const kidOf = (token: string) => decodeProtectedHeader(token).kid;
  const kidsIn = async (state: string) => {
    const rows = await fixture.query('SELECT kid FROM signing_keys WHERE state = $1 ORDER BY kid', [state]);
    return rows.map(({ kid }) => kid);
  };
  const publishedBy = async (by: Replica) => (await by.client.jwks({})).keys.map(({ kid }) => kid).toSorted();

  async function isVerified(token: string, by: Replica): Promise<boolean> {
    const keys = createLocalJWKSet({ keys: (await by.client.jwks({})).keys });
    const rules = { algorithms: [ACCESS_TOKEN.alg], typ: ACCESS_TOKEN.typ, issuer: ISSUER, audience: AUDIENCE };
    return jwtVerify(token, keys, rules).then(
      () => true,
      () => false,
    );
  }

  it('of a new database are one active and one next, whichever replica makes them', async () => {
    const [[active], [next]] = [await kidsIn('active'), await kidsIn('next')];
    assert.ok(active && next);
    for (const replica of replicas) {
      assert.equal(kidOf(await sign(replica)), active);
      assert.deepEqual(await publishedBy(replica), [active, next].toSorted());
    }
  });

  it('sign a JWT of RFC 9068 that lives for five minutes', async () => {
    const before = Math.floor(Date.now() / 1_000);
    const token = await sign(fixture);
    const { payload, protectedHeader } = await jwtVerify(
      token,
      createLocalJWKSet({ keys: (await fixture.client.jwks({})).keys }),
    );
    const { iat = 0, exp = 0, jti, ...rest } = payload;
    assert.deepEqual(Object.keys(protectedHeader).toSorted(), ['alg', 'kid', 'typ']);
    assert.ok(iat >= before && iat <= Date.now() / 1_000);
    assert.equal(exp - iat, 300);
    assert.match(String(jti), /^[\da-f-]{36}$/);
    assert.deepEqual(rest, {
      iss: ISSUER,
      aud: AUDIENCE,
      sub: '1',
      client_id: 'order-mesh-rest',
      sid: BEARER.sessionID,
      roles: ['user'],
    });
  });

  it('rotate once when the time of the active one is over, and its tokens stay valid for an hour (21)', async () => {
    const [[active], [next]] = [await kidsIn('active'), await kidsIn('next')];
    const old = await sign(fixture);
    await rotate();
    await everyReplicaReads();
    assert.deepEqual(await kidsIn('active'), [next]);
    assert.deepEqual(await kidsIn('retired'), [active]);
    assert.equal((await kidsIn('next')).length, 1);
    for (const replica of replicas) {
      assert.equal(kidOf(await sign(replica)), next);
      assert.ok(await isVerified(old, replica));
      assert.ok(await isVerified(await sign(fixture), replica));
    }
    await fixture.query(`UPDATE signing_keys SET until = now() + interval '1 minute' WHERE state = 'retired'`);
    await everyReplicaReads();
    assert.ok(await isVerified(old, fixture));
    await fixture.query(`UPDATE signing_keys SET until = now() WHERE state = 'retired'`);
    await everyReplicaReads();
    for (const replica of replicas) assert.ok(!(await isVerified(old, replica)));
    assert.deepEqual(await kidsIn('retired'), []);
  });

  it('are not rotated again before every verifier knows the next key, however often an operator asks', async () => {
    const [active] = await kidsIn('active');
    for (let asked = 0; asked < 3; asked++) {
      await endActiveKey(fixture.database);
      await everyReplicaReads();
      assert.deepEqual(await kidsIn('active'), [active]);
    }
    const [next] = await kidsIn('next');
    await fixture.query(`UPDATE signing_keys SET until = until - interval '15 seconds' WHERE state = 'next'`);
    await everyReplicaReads();
    assert.deepEqual(await kidsIn('active'), [next]);
  });

  it('sign for 30 days, and no key signs before it was published for an hour', async () => {
    const hoursLeft = async (state: string) => {
      const [row] = await fixture.query(
        `SELECT round(extract(epoch FROM until - clock_timestamp()) / 3600)::integer AS hours
        FROM signing_keys WHERE state = $1`,
        [state],
      );
      return row?.hours;
    };
    assert.deepEqual([await hoursLeft('active'), await hoursLeft('next')], [720, 1]);
    const [active] = await kidsIn('active');
    await fixture.query(`UPDATE signing_keys SET until = now() - interval '1 day' WHERE state = 'active'`);
    await everyReplicaReads();
    assert.deepEqual(await kidsIn('active'), [active]);
    assert.equal(kidOf(await sign(other)), active);
    await fixture.query(`UPDATE signing_keys SET until = now() WHERE state = 'next'`);
    await everyReplicaReads();
    assert.deepEqual([await hoursLeft('active'), await hoursLeft('next'), await hoursLeft('retired')], [720, 1, 1]);
  });

  it('rotate again and again under load, and every token is verified by the replica that did not sign it', async () => {
    let isOver = false;
    let signed = 0;
    const load = async (signer: Replica, verifier: Replica): Promise<void> => {
      while (!isOver) {
        const token = await sign(signer);
        assert.ok(await isVerified(token, verifier), `signed by ${kidOf(token)}`);
        signed += 1;
      }
    };
    const loads = [load(fixture, other), load(other, fixture)];
    for (let rotation = 0; rotation < 5; rotation++) {
      await rotate();
      await everyReplicaReads();
    }
    isOver = true;
    await Promise.all(loads);
    assert.ok(signed > 0);
    assert.equal((await kidsIn('retired')).length, 5);
  });

  it('are all replaced when an operator removes them, and their tokens are refused', async () => {
    const old = await sign(fixture);
    const before = await publishedBy(fixture);
    await removeSigningKeys(fixture.database);
    await everyReplicaReads();
    const after = await publishedBy(other);
    assert.equal(after.length, 2);
    assert.deepEqual(
      after.filter((kid) => before.includes(kid)),
      [],
    );
    for (const replica of replicas) {
      assert.ok(!(await isVerified(old, replica)));
      assert.ok(await isVerified(await sign(replica), fixture));
    }
  });

  it('are encrypted in the database, each for its own row (36)', async () => {
    const rows = await fixture.query('SELECT kid, private_encrypted FROM signing_keys');
    for (const { private_encrypted: sealed } of rows) {
      assert.ok(!(sealed as Buffer).includes('"d"') && !(sealed as Buffer).includes('EC'));
    }
    // The row of the next key poses as the active one.
    await fixture.query(`UPDATE signing_keys SET private_encrypted =
      (SELECT private_encrypted FROM signing_keys WHERE state = 'next') WHERE state = 'active'`);
    const fresh = await fixture.start();
    await assert.rejects(sign(fresh), /cannot be decrypted with ACCOUNTS_SECRET/);
  });

  it('do not open with another secret, and stay published', async () => {
    const config = { ACCOUNTS_SECRET: 'x'.repeat(32), TOKEN_ISSUER: ISSUER, TOKEN_AUDIENCE: AUDIENCE };
    const stranger = createTokens(fixture.database, config, pino({ level: 'silent' }));
    await stranger.keys.reload();
    await assert.rejects(stranger.accessTokens.sign(BEARER), /cannot be decrypted with ACCOUNTS_SECRET/);
    assert.equal((await stranger.keys.published()).length, 2);
  });
});
