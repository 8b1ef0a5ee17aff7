import { ACCESS_TOKEN } from 'accounts/contract.ts';
import { type CryptoKey, jwtVerify } from 'jose';
import { z } from 'zod';

/** The person for whom a request acts. */
export interface Person {
  readonly user: bigint;
  readonly role: 'user' | 'admin';
  readonly sessionID: string;
}

/** A token whose signature and claims are right. Its session may have ended. */
export interface CheckedToken {
  readonly person: Person;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly kid: string;
}

export interface TokenRules {
  readonly findKey: (kid: string) => Promise<CryptoKey | undefined>;
  readonly issuer: string;
  readonly audience: string;
  readonly now: () => number;
}

/** Far longer than any token of accounts, and short enough to parse for everybody. */
const LENGTH_MAX = 8_192;
/** Clocks of accounts and the gateway may differ by this much. */
const SKEW_SECONDS = 5;
/** Three parts of base64url. The last one is 64 bytes, so its last character carries two bits: one spelling only. */
const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]{85}[AQgw]$/;
const INT64_MAX = 2n ** 63n - 1n;

const claims = z.object({
  // jose accepts a list that names the audience among others; accounts never writes one.
  aud: z.string(),
  sub: z
    .string()
    .regex(/^[1-9]\d{0,18}$/)
    .transform(BigInt)
    .refine((user) => user <= INT64_MAX),
  client_id: z.literal(ACCESS_TOKEN.clientID),
  iat: z.int(),
  exp: z.int(),
  jti: z.string().min(1),
  sid: z.uuid().lowercase(),
  roles: z.tuple([z.enum(['user', 'admin'])]),
});

const { alg, typ, lifetimeSeconds } = ACCESS_TOKEN;

/**
 * Checks an access token (RFC 9068) by the rules of RFC 8725: algorithm, type, issuer and audience are given and not read
 * from the token. Of the header only the kid is used; jku, x5u and jwk are not.
 *
 * @throws {Error} whatever is wrong with it
 */
export async function checkToken(token: string, { findKey, issuer, audience, now }: TokenRules): Promise<CheckedToken> {
  if (token.length > LENGTH_MAX || !SHAPE.test(token)) throw new Error('the token has another form');
  let kid = '';
  const getKey = async (header: { kid?: string }): Promise<CryptoKey> => {
    kid = String(header.kid);
    const key = await findKey(kid);
    if (!key) throw new Error('the key is unknown');
    return key;
  };
  const { payload, protectedHeader } = await jwtVerify(token, getKey, {
    algorithms: [alg],
    typ,
    issuer,
    audience,
    requiredClaims: ['iss', 'aud', 'sub', 'client_id', 'iat', 'exp', 'jti', 'sid', 'roles'],
    clockTolerance: SKEW_SECONDS,
    maxTokenAge: lifetimeSeconds,
    currentDate: new Date(now()),
  });
  if (protectedHeader.typ !== typ) throw new Error('the type has another spelling');
  const [headerPart = '', payloadPart = ''] = token.split('.');
  if (!isOnlySpelling(headerPart, protectedHeader) || !isOnlySpelling(payloadPart, payload)) {
    throw new Error('the JSON has another spelling');
  }
  const { sub, sid, exp, roles } = claims.parse(payload);
  const [role] = roles;
  return { person: { user: sub, role, sessionID: sid }, expiresAt: (exp + SKEW_SECONDS) * 1_000, kid };
}

/** One rule for duplicate members, white space and odd numbers: text that JSON.stringify would not write is refused. */
function isOnlySpelling(part: string, parsed: unknown): boolean {
  return Buffer.from(part, 'base64url').toString() === JSON.stringify(parsed);
}
