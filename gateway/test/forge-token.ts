import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { ACCESS_TOKEN } from 'accounts/contract.ts';
import { calculateJwkThumbprint, exportJWK } from 'jose';

/** A pair that signs access tokens, with the public half as accounts publishes it. */
export interface TestKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: {
    readonly kty: 'EC';
    readonly crv: 'P-256';
    readonly x: string;
    readonly y: string;
    readonly kid: string;
    readonly alg: 'ES256';
    readonly use: 'sig';
  };
}

export async function createTestKey(): Promise<TestKey> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint({ kty: 'EC', crv: 'P-256', x, y });
  return { kid, privateKey, publicJwk: { kty: 'EC', crv: 'P-256', x, y, kid, alg: 'ES256', use: 'sig' } };
}

export type Members = Record<string, unknown>;

/** The claims of a token of accounts, before somebody changes them. */
export interface GoodClaims {
  readonly issuer: string;
  readonly audience: string;
  readonly sub?: string;
  readonly sid?: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function goodClaims({ issuer, audience, sub = '1', sid = randomUUID(), now }: GoodClaims): Members {
  const iat = Math.floor(now / 1_000);
  return {
    client_id: ACCESS_TOKEN.clientID,
    sid,
    roles: ['user'],
    iss: issuer,
    aud: audience,
    sub,
    iat,
    exp: iat + ACCESS_TOKEN.lifetimeSeconds,
    jti: randomUUID(),
  };
}

export const goodHeader = (kid: string): Members => ({ alg: 'ES256', typ: 'at+jwt', kid });

/** JSON text may be given for what JSON.stringify would not write. */
export function forge(header: Members | string, payload: Members | string, key: KeyObject): string {
  const signed = [header, payload].map(toPart).join('.');
  return `${signed}.${signES256(signed, key)}`;
}

function toPart(json: Members | string): string {
  return Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)).toString('base64url');
}

function signES256(text: string, key: KeyObject): string {
  return sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

export interface Attack {
  /** The number of EDGE.md's list. */
  readonly number: number;
  readonly what: string;
  readonly token: string;
}

export interface Target extends GoodClaims {
  readonly key: Pick<TestKey, 'kid' | 'privateKey' | 'publicJwk'>;
  /** A refresh token and a service token of this mesh, if there are any. */
  readonly otherTokens?: readonly string[];
}

/** Tokens that a holder of the signing key could make, and that have to be refused all the same. */
export async function attacksOn({ key, otherTokens = [], ...good }: Target): Promise<readonly Attack[]> {
  const header = goodHeader(key.kid);
  const claims = goodClaims(good);
  const foreign = await createTestKey();
  const valid = forge(header, claims, key.privateKey);
  const [headerPart = '', payloadPart = '', signature = ''] = valid.split('.');
  const seconds = Math.floor(good.now / 1_000);

  const withHeader = (members: Members, signer = key.privateKey) => forge({ ...header, ...members }, claims, signer);
  const withClaims = (members: Members) => forge(header, { ...claims, ...members }, key.privateKey);
  const without = (claim: string) => withClaims({ [claim]: undefined });
  const json = JSON.stringify(claims);
  const rewritten = (from: string | RegExp, to: string) => forge(header, json.replace(from, to), key.privateKey);

  const publicText = JSON.stringify(key.publicJwk);
  const hmac = (keyText: string | Buffer) => {
    const signed = `${toPart({ ...header, alg: 'HS256' })}.${payloadPart}`;
    return `${signed}.${createHmac('sha256', keyText).update(signed).digest('base64url')}`;
  };
  const flip = (part: string, at: number) => {
    const bytes = Buffer.from(part, 'base64url');
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes.toString('base64url');
  };

  const list: [number, string, string][] = [
    ...['none', 'noNE', ''].map((alg): [number, string, string] => [
      1,
      `alg "${alg}" without a signature`,
      `${toPart({ ...header, alg })}.${payloadPart}.`,
    ]),
    [1, 'alg none with a good signature', withHeader({ alg: 'none' })],
    [2, 'HS256 keyed with the public JWK', hmac(publicText)],
    [2, 'HS256 keyed with the public point', hmac(Buffer.from(`${key.publicJwk.x}${key.publicJwk.y}`, 'base64url'))],
    [3, 'alg ES384', withHeader({ alg: 'ES384' })],
    [3, 'alg EdDSA', withHeader({ alg: 'EdDSA' })],
    [3, 'alg es256', withHeader({ alg: 'es256' })],
    [4, 'no signature', `${headerPart}.${payloadPart}`],
    [4, 'an empty signature', `${headerPart}.${payloadPart}.`],
    [4, 'a truncated signature', valid.slice(0, -2)],
    [4, 'a flipped bit of the header', `${flip(headerPart, 9)}.${payloadPart}.${signature}`],
    [4, 'a flipped bit of the payload', `${headerPart}.${flip(payloadPart, 30)}.${signature}`],
    [4, 'a flipped bit of the signature', `${headerPart}.${payloadPart}.${flip(signature, 5)}`],
    [4, 'a flipped bit of the last character, which carries none', otherSpelling(valid)],
    [4, 'the signature of another key', forge(header, claims, foreign.privateKey)],
    [5, 'an unknown kid', forge({ ...header, kid: foreign.kid }, claims, foreign.privateKey)],
    [5, 'no kid', withHeader({ kid: undefined })],
    [6, 'a path as kid', withHeader({ kid: '../../../dev/null' })],
    [6, 'SQL as kid', withHeader({ kid: "' OR 1 = 1; --" })],
    [6, 'a kid of 10 KB', withHeader({ kid: 'k'.repeat(10_240) })],
    [6, 'a number as kid', withHeader({ kid: 1 })],
    [6, '__proto__ as kid', withHeader({ kid: '__proto__' })],
    [7, "the attacker's jwk", withHeader({ jwk: foreign.publicJwk }, foreign.privateKey)],
    [7, "the attacker's jku", withHeader({ jku: 'http://127.0.0.1:9/jwks', kid: foreign.kid }, foreign.privateKey)],
    [7, "the attacker's x5u", withHeader({ x5u: 'http://127.0.0.1:9/x5u', kid: foreign.kid }, foreign.privateKey)],
    [8, 'an unknown crit', withHeader({ crit: ['bork'], bork: true })],
    [8, 'an empty crit', withHeader({ crit: [] })],
    [8, 'an unencoded payload', withHeader({ crit: ['b64'], b64: false })],
    [9, 'a JWE', `${toPart({ alg: 'dir', enc: 'A256GCM' })}..aXY.Y3Q.dGFn`],
    [
      9,
      'a JWE with a huge p2c',
      `${toPart({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2 ** 31, p2s: 'c2FsdA' })}.x.x.x.x`,
    ],
    [10, 'flattened JSON', JSON.stringify({ protected: headerPart, payload: payloadPart, signature })],
    [10, 'general JSON', JSON.stringify({ payload: payloadPart, signatures: [{ protected: headerPart, signature }] })],
    [10, 'padding', `${valid}==`],
    [10, 'white space inside', `${headerPart}. ${payloadPart}.${signature}`],
    [10, 'a line break behind', `${valid}\n`],
    [10, 'base64 instead of base64url', `${headerPart}.${payloadPart}.${signature.replace(/.$/, '+')}`],
    [10, 'a fourth part', `${valid}.e30`],
    [11, 'typ JWT', withHeader({ typ: 'JWT' })],
    [11, 'no typ', withHeader({ typ: undefined })],
    [11, 'typ of a service token', withHeader({ typ: 'svc+jwt' })],
    [11, 'typ application/at+jwt', withHeader({ typ: 'application/at+jwt' })],
    [11, 'typ AT+JWT', withHeader({ typ: 'AT+JWT' })],
    [11, 'an ID token', withHeader({ typ: 'id_token+jwt' })],
    ...['exp', 'iat', 'jti', 'sub', 'aud', 'iss', 'client_id', 'sid', 'roles'].map(
      (claim): [number, string, string] => [12, `no ${claim}`, without(claim)],
    ),
    [13, 'expired six seconds ago', withClaims({ iat: seconds - 290, exp: seconds - 6 })],
    [13, 'issued longer ago than a token lives', withClaims({ iat: seconds - 306, exp: seconds + 60 })],
    [14, 'nbf in the future', withClaims({ nbf: seconds + 60 })],
    [14, 'iat in the future', withClaims({ iat: seconds + 60, exp: seconds + 360 })],
    [15, 'a wrong iss', withClaims({ iss: `${good.issuer}/` })],
    [15, 'a wrong aud', withClaims({ aud: `${good.audience}2` })],
    [15, 'aud is a list of one', withClaims({ aud: [good.audience] })],
    [15, 'aud is a list', withClaims({ aud: ['http://elsewhere', good.audience] })],
    [15, 'iss is a list', withClaims({ iss: [good.issuer] })],
    [16, 'exp is a string', withClaims({ exp: String(seconds + 300) })],
    [16, 'exp is a float', withClaims({ exp: seconds + 299.5 })],
    [16, 'exp is 1e999', rewritten(/"exp":\d+/, '"exp":1e999')],
    [16, 'exp is null', withClaims({ exp: null })],
    [16, 'iat is a string', withClaims({ iat: String(seconds) })],
    ...otherTokens.map((token): [number, string, string] => [17, 'a token for another use', token]),
    [18, 'sub is the client id', withClaims({ sub: ACCESS_TOKEN.clientID })],
    [18, 'client_id is the sub', withClaims({ client_id: claims.sub })],
    [18, 'sub is a service', withClaims({ sub: 'gateway' })],
    [18, 'sub is a number', withClaims({ sub: 1 })],
    [18, 'sub has a leading zero', withClaims({ sub: '01' })],
    [18, 'sub is negative', withClaims({ sub: '-1' })],
    [18, 'sub is beyond int64', withClaims({ sub: '9223372036854775808' })],
    [18, 'roles is unknown', withClaims({ roles: ['root'] })],
    [18, 'two roles', withClaims({ roles: ['user', 'admin'] })],
    [19, 'sub twice', rewritten('"sub":', '"sub":"999","sub":')],
    [19, 'alg twice', forge(JSON.stringify(header).replace('{', '{"alg":"none",'), claims, key.privateKey)],
    [19, 'roles twice', rewritten('"roles":', '"roles":["admin"],"roles":')],
    [20, 'more than 8 KB', withClaims({ pad: 'x'.repeat(8_192) })],
  ];
  return list.map(([number, what, token]) => ({ number, what, token }));
}

/** The same signature bytes with other bits in the padding of the last character. */
function otherSpelling(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.at(-1) ?? '');
  return `${token.slice(0, -1)}${alphabet[last + 1]}`;
}
