import { createPublicKey, verify as verifySignature } from 'node:crypto';
import { openAccessTokens } from 'gateway/access-tokens';
import { createTestKey, forge, goodClaims, goodHeader } from 'gateway/testing';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { type Cost, measureCosts } from './cost.ts';

const ISSUER = 'http://localhost:8000';
const AUDIENCE = 'http://localhost:8000/v1';
const REUSED = 50_000;

/** The verifier of the gateway, with accounts in memory, against node:crypto's verification of the signature alone. */
export async function measureAccessTokens(rounds: number, tokensEach: number): Promise<Cost[]> {
  const key = await createTestKey();
  const accounts = {
    jwks: async () => ({ keys: [key.publicJwk] }),
    revokedSince: async ({ seq }: { seq: bigint }) => ({ revocations: [], seq, complete: true }),
  };
  await using tokens = openAccessTokens({
    accounts,
    issuer: ISSUER,
    audience: AUDIENCE,
    logger: pino({ level: 'silent' }),
    registry: new Registry(),
  });
  const publicKey = createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' });
  const mint = () =>
    forge(goodHeader(key.kid), goodClaims({ issuer: ISSUER, audience: AUDIENCE, now: Date.now() }), key.privateKey);

  return measureCosts(rounds, async () => {
    const fresh = Array.from({ length: tokensEach }, mint);
    const known = mint();
    await tokens.verify(known);
    return [
      {
        name: 'the ES256 signature alone, by node:crypto',
        times: tokensEach,
        run() {
          for (const token of fresh) {
            const end = token.lastIndexOf('.');
            const signed = Buffer.from(token.slice(0, end));
            const signature = Buffer.from(token.slice(end + 1), 'base64url');
            const isRight = verifySignature('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
            if (!isRight) throw new Error('The signature is wrong');
          }
        },
      },
      {
        name: 'the gateway, a token that it sees for the first time',
        times: tokensEach,
        async run() {
          for (const token of fresh) await tokens.verify(token);
        },
      },
      {
        name: 'the gateway, a token that it has verified',
        times: REUSED,
        async run() {
          for (let calls = 0; calls < REUSED; calls++) await tokens.verify(known);
        },
      },
    ];
  });
}
