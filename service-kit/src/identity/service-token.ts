import { randomUUID } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { ALGORITHM, type ServiceKey } from './service-key.ts';
import type { Trust } from './trust.ts';

const TYPE = 'svc+jwt';
/** How long a token is valid: longer than it is reused plus the longest timeout of a call, which may wait for a connection. */
export const TOKEN_SECONDS = 60;
/** An operator's token, for a walk by curl. An older one is refused whatever its `exp` says. */
export const TOKEN_SECONDS_MAX = 900;
/** How long a token is reused for one peer: each costs a signature here and a verification there. */
const REUSED_MS = 30_000;
/** Of the clocks of two machines. */
const SKEW_SECONDS = 5;
/** Tokens of this kit have about 400 characters. */
const TOKEN_LENGTH_MAX = 2_048;
/**
 * Three parts in base64url without padding, of which the last is an Ed25519 signature: 86 characters whose last has no spare bits,
 * so that no two spellings of a token are valid.
 */
const BEARER = /^Bearer ([\w-]+\.[\w-]+\.[\w-]{85}[AQgw])$/i;
/** Replicas times services, each with two tokens: a hundred replicas in all. The oldest is forgotten, and verified again. */
const VERIFIED_MAX = 1_000;

/** A token by which `caller` proves itself to `callee`. */
export function mintServiceToken(
  { kid, key }: ServiceKey,
  caller: string,
  callee: string,
  seconds = TOKEN_SECONDS,
): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
    .setIssuer(caller)
    .setSubject(caller)
    .setAudience(callee)
    .setIssuedAt()
    .setExpirationTime(`${seconds}s`)
    .setJti(randomUUID())
    .sign(key);
}

/** Returns the Authorization header for calls of one peer. */
export type Signer = () => string | Promise<string>;

/**
 * Reuses a token for half of its lifetime; a new key replaces it at once.
 * @param currentKey the key of the caller
 */
export function createSigner(currentKey: () => ServiceKey, caller: string, callee: string): Signer {
  let signed: { readonly header: string | Promise<string>; readonly key: ServiceKey; readonly at: number } | undefined;
  return () => {
    const key = currentKey();
    const now = performance.now();
    if (signed && signed.key === key && now - signed.at < REUSED_MS) return signed.header;
    const header = mintServiceToken(key, caller, callee).then((token) => `Bearer ${token}`);
    const minting = { header, key, at: now };
    signed = minting;
    // Once it is made, callers need not wait for a promise; a failure is forgotten, so that the next call tries again.
    header.then(
      (text) => {
        if (signed === minting) signed = { ...minting, header: text };
      },
      () => {
        if (signed === minting) signed = undefined;
      },
    );
    return header;
  };
}

/** Returns the service that an Authorization header proves; undefined for none. */
export type Verifier = (authorization: string) => string | undefined | Promise<string | undefined>;

interface Verified {
  readonly service: string;
  readonly until: number;
}

/**
 * Verifies tokens for `callee` and remembers each until it expires. Refused headers are not remembered, so that they cannot displace
 * others; those under way are at most one for each request.
 */
export function createVerifier(trust: Trust, callee: string): Verifier {
  const verified = new Map<string, Verified>();
  const underWay = new Map<string, Promise<string | undefined>>();

  async function verify(authorization: string): Promise<string | undefined> {
    try {
      const proof = await verifyServiceToken(trust, callee, authorization);
      if (!proof) return undefined;
      // Maps keep the order of insertion, so the first is the oldest.
      const [oldest] = verified.keys();
      if (verified.size >= VERIFIED_MAX && oldest !== undefined) verified.delete(oldest);
      verified.set(authorization, proof);
      return proof.service;
    } finally {
      underWay.delete(authorization);
    }
  }

  return (authorization) => {
    const known = verified.get(authorization);
    if (known && Date.now() < known.until) return known.service;
    if (authorization.length > TOKEN_LENGTH_MAX) return undefined;
    verified.delete(authorization);
    const verifying = underWay.get(authorization) ?? verify(authorization);
    underWay.set(authorization, verifying);
    return verifying;
  };
}

async function verifyServiceToken(trust: Trust, callee: string, authorization: string): Promise<Verified | undefined> {
  const token = BEARER.exec(authorization)?.[1];
  if (token === undefined) return undefined;
  try {
    // The key decides the service: the kid is not proven yet, but only the right key verifies.
    const { kid } = decodeProtectedHeader(token);
    const trusted = kid === undefined ? undefined : trust.get(kid);
    if (!trusted) return undefined;
    const { service, key } = trusted;
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      typ: TYPE,
      issuer: service,
      subject: service,
      audience: callee,
      requiredClaims: ['iat', 'exp', 'jti'],
      maxTokenAge: TOKEN_SECONDS_MAX,
      clockTolerance: SKEW_SECONDS,
    });
    const { aud, iat = Number.NaN, exp = Number.NaN } = payload;
    // jose also accepts a list that contains the audience, and times such as 1e999 and 1.5.
    if (aud !== callee || !Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return undefined;
    const expiresAt = Math.min(exp, iat + TOKEN_SECONDS_MAX);
    return { service, until: (expiresAt + SKEW_SECONDS) * 1_000 };
  } catch {
    return undefined;
  }
}
