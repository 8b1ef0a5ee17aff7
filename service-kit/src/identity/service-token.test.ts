import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import sinon from 'sinon';
import { generateServiceKey, type JWK, parseServiceKey, publicHalf, type ServiceKey } from './service-key.ts';
import { createSigner, createVerifier, mintServiceToken, TOKEN_SECONDS_MAX } from './service-token.ts';
import { parseTrust, type Trust } from './trust.ts';

const NOW = Date.parse('2026-03-04T05:06:07Z');
const seconds = NOW / 1_000;

describe('A service token', () => {
  let jwk: JWK;
  let key: ServiceKey;
  let otherKey: ServiceKey;
  let trust: Trust;
  let clock: sinon.SinonFakeTimers;

  before(async () => {
    const [own, other] = [await generateServiceKey(), await generateServiceKey()];
    jwk = own.privateJwk;
    [key, otherKey] = [own, other].map(({ privateJwk }) => parseServiceKey(JSON.stringify(privateJwk))) as [
      ServiceKey,
      ServiceKey,
    ];
    const keys = { checkout: { keys: [own.publicJwk] }, loms: { keys: [other.publicJwk] } };
    trust = parseTrust(JSON.stringify(keys));
  });

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: NOW, toFake: ['Date', 'performance'] });
  });
  afterEach(() => clock.restore());

  const good = (): JWTPayload => ({
    iss: 'checkout',
    sub: 'checkout',
    aud: 'loms',
    iat: seconds,
    exp: seconds + 60,
    jti: 'j',
  });
  const signed = (claims: JWTPayload, header: Partial<JWTHeaderParameters> = {}, by = key) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', typ: 'svc+jwt', kid: by.kid, ...header }).sign(by.key);
  const verify = async (token: string, scheme = 'Bearer ') => createVerifier(trust, 'loms')(`${scheme}${token}`);
  /** Signed without jose, which signs no nonsense. */
  const signedText = (header: object, claims: string) => {
    const head = base64({ alg: 'EdDSA', typ: 'svc+jwt', kid: key.kid, ...header });
    const input = `${head}.${Buffer.from(claims).toString('base64url')}`;
    return `${input}.${sign(null, Buffer.from(input), key.key).toString('base64url')}`;
  };
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('proves its caller to its callee only', async () => {
    const token = await mintServiceToken(key, 'checkout', 'loms');
    assert.equal(await verify(token), 'checkout');
    assert.equal(await verify(token, 'bearer '), 'checkout');
    assert.equal(await createVerifier(trust, 'products')(`Bearer ${token}`), undefined);
  });

  it('expires after its time and five seconds for the difference of clocks, also from the cache', async () => {
    const authorization = `Bearer ${await mintServiceToken(key, 'checkout', 'loms')}`;
    const cached = createVerifier(trust, 'loms');
    for (const [later, service] of [
      [64_999, 'checkout'],
      [65_000, undefined],
    ] as const) {
      clock.setSystemTime(NOW + later);
      assert.equal(await createVerifier(trust, 'loms')(authorization), service);
      assert.equal(await cached(authorization), service);
    }
  });

  it('may live as long as an operator needs, and no longer', async () => {
    const authorization = `Bearer ${await mintServiceToken(key, 'checkout', 'loms', 10 * TOKEN_SECONDS_MAX)}`;
    clock.setSystemTime(NOW + TOKEN_SECONDS_MAX * 1_000);
    const cached = createVerifier(trust, 'loms');
    assert.equal(await cached(authorization), 'checkout');
    clock.setSystemTime(NOW + TOKEN_SECONDS_MAX * 1_000 + 6_000);
    assert.equal(await cached(authorization), undefined);
    assert.equal(await verify(authorization.slice('Bearer '.length)), undefined);
  });

  it('is refused with another key than the one its kid names, and with a kid that is unknown', async () => {
    assert.equal(await verify(await signed(good(), { kid: key.kid }, otherKey)), undefined);
    // The key of loms signs for checkout.
    assert.equal(await verify(await signed(good(), {}, otherKey)), undefined);
    for (const kid of ['', 'x', '../../etc/passwd', "' OR 1=1", 'k'.repeat(1_500), '__proto__']) {
      assert.equal(await verify(await signed(good(), { kid })), undefined, kid.slice(0, 20));
    }
    const { kid: _, ...withoutKid } = { alg: 'EdDSA', typ: 'svc+jwt', kid: '' };
    assert.equal(await verify(await new SignJWT(good()).setProtectedHeader(withoutKid).sign(key.key)), undefined);
  });

  it('is refused with another algorithm: none, and HS256 with the public key as its secret', async () => {
    for (const alg of ['none', 'noNE', '']) {
      const parts = [base64({ alg, typ: 'svc+jwt', kid: key.kid }), base64(good())];
      assert.equal(await verify(`${parts.join('.')}.`), undefined);
      assert.equal(await verify(`${parts.join('.')}.${'A'.repeat(86)}`), undefined);
    }
    for (const secret of [publicHalf(jwk).x ?? '', JSON.stringify(publicHalf(jwk))]) {
      const header = { alg: 'HS256', typ: 'svc+jwt', kid: key.kid };
      assert.equal(
        await verify(await new SignJWT(good()).setProtectedHeader(header).sign(Buffer.from(secret))),
        undefined,
      );
    }
  });

  it('is refused with another type, as the access token of a user has it', async () => {
    for (const typ of ['at+jwt', 'JWT', undefined]) {
      assert.equal(await verify(await signed(good(), { typ })), undefined);
    }
  });

  it('is refused without any one of its claims, or with another value of it', async () => {
    assert.equal(await verify(await signed(good())), 'checkout');
    for (const name of Object.keys(good())) {
      const { [name]: _, ...claims } = good();
      assert.equal(await verify(await signed(claims)), undefined, `without ${name}`);
    }
    const wrong: JWTPayload[] = [
      { iss: 'loms' },
      { sub: '5' },
      { aud: 'products' },
      { aud: ['loms'] },
      { aud: ['loms', 'products'] },
      { iat: seconds + 60 },
      { nbf: seconds + 60 },
      { exp: seconds - 6 },
    ];
    for (const claims of wrong) {
      assert.equal(await verify(await signed({ ...good(), ...claims })), undefined, JSON.stringify(claims));
    }
    for (const exp of ['"9999999999"', '1e999', '9999999999.5', 'null', '[]']) {
      const json = JSON.stringify(good()).replace(/"exp":\d+/, `"exp":${exp}`);
      assert.equal(await verify(signedText({}, json)), undefined, exp);
    }
  });

  it('is refused with an unknown critical header, and ignores keys that it brings itself', async () => {
    assert.equal(await verify(signedText({}, JSON.stringify(good()))), 'checkout');
    assert.equal(await verify(signedText({ crit: ['x'], x: 1 }, JSON.stringify(good()))), undefined);
    const { privateJwk } = await generateServiceKey();
    const forged = parseServiceKey(JSON.stringify(privateJwk));
    const header = { jwk: publicHalf(privateJwk), jku: 'http://127.0.0.1:1/', kid: key.kid };
    assert.equal(await verify(await signed(good(), header as object, forged)), undefined);
  });

  it('is refused in any other spelling: cut, flipped, padded, as JSON, too long', async () => {
    const token = await signed(good());
    const [header = '', payload = '', signature = ''] = token.split('.');
    // Each of the four bits that base64url leaves over at the end of the signature would be a second spelling.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(signature.at(-1) ?? '');
    const flipped = [1, 2, 4, 8, 16, 32].map((bit) => `${token.slice(0, -1)}${alphabet[last ^ bit]}`);
    const others = [
      ...flipped,
      '',
      `${header}.${payload}`,
      `${header}.${payload}.`,
      `.${payload}.${signature}`,
      token.slice(0, -1),
      `${token}=`,
      ` ${token}`,
      `${token} `,
      `${header}.${payload}.${signature}.`,
      `${header}.${payload}\n.${signature}`,
      JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
      `${header}.${payload.slice(0, -1)}.${signature}`,
      `${header}.${'a'.repeat(8_192)}.${signature}`,
    ];
    for (const other of others) assert.equal(await verify(other), undefined, other.slice(0, 60));
    for (const scheme of ['', 'Basic ', 'Bearer  ', 'Bearer']) {
      assert.equal(await verify(token, scheme), undefined, scheme);
    }
  });

  it('is verified once, even by calls at the same moment, and then recognized at once', async () => {
    const authorization = `Bearer ${await mintServiceToken(key, 'checkout', 'loms')}`;
    const recognize = createVerifier(trust, 'loms');
    const [first, second] = [recognize(authorization), recognize(authorization)];
    assert.equal(first, second);
    assert.equal(await first, 'checkout');
    assert.equal(recognize(authorization), 'checkout');
  });

  it('is reused for half a minute for each peer, and replaced at once with the key', async () => {
    let current = key;
    const sign = createSigner(() => current, 'checkout', 'loms');
    const first = await sign();
    await nextTurn();
    clock.tick(29_999);
    assert.equal(sign(), first);
    clock.tick(1);
    const second = await sign();
    assert.notEqual(second, first);
    current = otherKey;
    assert.notEqual(await sign(), second);
  });

  it('is not remembered when it could not be signed', async () => {
    const broken = { kid: 'x', key: {} as ServiceKey['key'] };
    let current = broken;
    const sign = createSigner(() => current, 'checkout', 'loms');
    await assert.rejects(async () => sign());
    await assert.rejects(async () => sign());
    current = key;
    assert.match(await sign(), /^Bearer /);
  });
});

describe('The trust file', () => {
  const parse = (value: unknown) => parseTrust(JSON.stringify(value));

  it('is refused with a private key, with two keys of one kid, and with a key of another kind', async () => {
    const { privateJwk, publicJwk } = await generateServiceKey();
    assert.equal(parse({ checkout: { keys: [publicJwk] }, gateway: { keys: [] } }).size, 1);
    const mistakes: [unknown, RegExp][] = [
      [{ checkout: { keys: [privateJwk] } }, /^TRUST_FILE is wrong: checkout.keys.0: Unrecognized key: "d"$/],
      [{ checkout: { keys: [publicJwk, publicJwk] } }, /two keys have the kid/],
      [{ checkout: { keys: [publicJwk] }, loms: { keys: [publicJwk] } }, /two keys have the kid/],
      [{ checkout: { keys: [{ ...publicJwk, crv: 'X25519' }] } }, /expected "Ed25519"$/],
      [{ checkout: { keys: [{ ...publicJwk, kid: undefined }] } }, /checkout.keys.0.kid: /],
      [{ '': { keys: [publicJwk] } }, /^TRUST_FILE is wrong: /],
      [[publicJwk], /expected record/],
    ];
    for (const [value, message] of mistakes) {
      assert.throws(() => parse(value), { name: 'ConfigError', message }, JSON.stringify(value));
    }
  });
});

describe('The key file of a service', () => {
  it('is refused in a sentence that quotes none of its text', async () => {
    const { privateJwk, publicJwk } = await generateServiceKey();
    const mistakes = [
      '',
      'secret-',
      '"secret-"',
      JSON.stringify({ ...privateJwk, d: 'secret-' }),
      JSON.stringify({ ...privateJwk, d: `secret-${'='.repeat(36)}` }),
      JSON.stringify({ ...privateJwk, crv: 'secret-' }),
      JSON.stringify(publicJwk),
    ];
    for (const text of mistakes) {
      const message = /^SERVICE_KEY_FILE is wrong: (?!.*secret-).+$/;
      assert.throws(() => parseServiceKey(text), { name: 'ConfigError', message }, text);
    }
  });
});
