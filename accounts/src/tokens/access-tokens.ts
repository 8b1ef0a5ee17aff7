import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { ACCESS_TOKEN } from '../../contract.ts';
import type { AccessTokens } from '../domain/token-ports.ts';
import type { KeyRing } from './key-ring.ts';

export interface AccessTokenOptions {
  readonly keys: KeyRing;
  readonly issuer: string;
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const { alg, typ, clientID, lifetimeSeconds } = ACCESS_TOKEN;

/** Signs JWTs of RFC 9068 with the active key. */
export function createAccessTokens({ keys, issuer, audience, now = Date.now }: AccessTokenOptions): AccessTokens {
  return {
    async sign({ user, role, sessionID, endsAt }) {
      const { kid, privateKey } = await keys.signingKey();
      const issuedAt = Math.floor(now() / 1_000);
      const left = endsAt ? Math.floor(endsAt.getTime() / 1_000) - issuedAt : lifetimeSeconds;
      const expiresIn = Math.max(0, Math.min(left, lifetimeSeconds));
      const accessToken = await new SignJWT({ client_id: clientID, sid: sessionID, roles: [role] })
        .setProtectedHeader({ alg, typ, kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(String(user))
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + expiresIn)
        .setJti(randomUUID())
        .sign(privateKey);
      return { accessToken, expiresIn };
    },
  };
}
