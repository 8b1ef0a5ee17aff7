import assert from 'node:assert/strict';
import { type CryptoKey, decodeJwt, exportJWK, generateKeyPair } from 'jose';
import { ACCESS_TOKEN } from '../../contract.ts';
import { REVOCATION_SECONDS } from '../repository/revocations.ts';
import { createAccessTokens } from './access-tokens.ts';
import { createRefreshTokens } from './refresh-tokens.ts';
import { createSigningKeyVault, readPrivateJwk } from './signing-key.ts';

const SECRET = 'a secret of the tests, with enough characters';
const SESSION = '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01';

describe('A refresh token', () => {
  const tokens = createRefreshTokens(SECRET);

  it('reads as the step that it was made of, each time the same text', () => {
    for (const counter of [1, 2, 2_147_483_647]) {
      const step = { sessionID: SESSION, counter };
      assert.equal(tokens.mint(step), tokens.mint(step));
      assert.deepEqual(tokens.read(tokens.mint(step)), step);
    }
  });

  it('of another secret, session or step is none', () => {
    const token = tokens.mint({ sessionID: SESSION, counter: 1 });
    assert.equal(createRefreshTokens(`${SECRET}!`).read(token), undefined);
    assert.equal(tokens.read(token.replace('.1.', '.2.')), undefined);
    assert.equal(tokens.read(`A${token.slice(1)}`), undefined);
  });

  it('has one spelling: any other character anywhere makes it none', () => {
    const token = tokens.mint({ sessionID: SESSION, counter: 12 });
    for (let at = 0; at < token.length; at++) {
      for (const other of 'A_-1.+= ') {
        const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
        if (changed !== token) assert.equal(tokens.read(changed), undefined, changed);
      }
    }
  });
});

describe('An access token', () => {
  const NOW = 1_800_000_000_400;
  const key = (async () => ({ kid: 'k', privateKey: (await generateKeyPair('ES256')).privateKey as CryptoKey }))();
  const keys = { signingKey: () => key, published: async () => [], reload: async () => {} };
  const tokens = createAccessTokens({ keys, issuer: 'http://a', audience: 'http://b', now: () => NOW });

  for (const [left, lifetime] of [
    [undefined, 300],
    [86_400_000, 300],
    [300_600, 300],
    [60_000, 60],
    [700, 1],
    [500, 0],
    [-60_000, 0],
  ] as const) {
    it(`lives for ${lifetime} s where its session ends ${left === undefined ? 'much later' : `after ${left} ms`} (31)`, async () => {
      const endsAt = left === undefined ? undefined : new Date(NOW + left);
      const { accessToken, expiresIn } = await tokens.sign({ user: 1n, role: 'user', sessionID: SESSION, endsAt });
      const { iat, exp } = decodeJwt(accessToken);
      assert.deepEqual(
        { iat, exp, expiresIn },
        { iat: 1_800_000_000, exp: 1_800_000_000 + lifetime, expiresIn: lifetime },
      );
    });
  }
});

describe('A signing key', () => {
  it('opens with its secret and its kid only', async () => {
    const vault = createSigningKeyVault(SECRET);
    const { kid, publicJwk, privateEncrypted } = await vault.create();
    assert.equal((await vault.open(kid, privateEncrypted)).type, 'private');
    const { x, y } = readPrivateJwk(SECRET, kid, privateEncrypted);
    assert.deepEqual({ x, y }, { x: publicJwk.x, y: publicJwk.y });
    assert.ok(!('d' in publicJwk));
    await assert.rejects(createSigningKeyVault(`${SECRET}!`).open(kid, privateEncrypted));
    await assert.rejects(vault.open(`${kid}!`, privateEncrypted));
    privateEncrypted[40] = (privateEncrypted[40] ?? 0) ^ 1;
    await assert.rejects(vault.open(kid, privateEncrypted));
    await assert.rejects(vault.open(kid, Buffer.alloc(0)));
  });

  it('is not extractable once it is opened', async () => {
    const vault = createSigningKeyVault(SECRET);
    const { kid, privateEncrypted } = await vault.create();
    await assert.rejects(exportJWK(await vault.open(kid, privateEncrypted)));
  });
});

it('The end of a session is published for a minute longer than an access token lives', () => {
  assert.equal(REVOCATION_SECONDS, ACCESS_TOKEN.lifetimeSeconds + 60);
});
