import assert from 'node:assert/strict';
import { exportJWK } from 'jose';
import { ACCESS_TOKEN } from '../../contract.ts';
import { REVOCATION_SECONDS } from '../repository/revocations.ts';
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
