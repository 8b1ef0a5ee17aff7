import { createPrivateKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import { z } from 'zod';
import { parseKeyFile } from './key-file.ts';

export type { JWK };

/** Ed25519: signatures of 64 bytes, and no choice of curve or hash that could be weak. */
export const ALGORITHM = 'EdDSA';

const keyMembers = {
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: z.string().min(1).max(128),
  x: z.string().length(43),
};
const privateJwk = z.object({ ...keyMembers, d: z.string().length(43) });

/** Strict, so that a private key in a trust file, which every service reads, is an error. */
export const publicJwk = z.strictObject({
  ...keyMembers,
  alg: z.literal(ALGORITHM).optional(),
  use: z.literal('sig').optional(),
});

/** The key with which a service signs its tokens. */
export interface ServiceKey {
  readonly kid: string;
  readonly key: KeyObject;
}

/** A new key pair of a service: one JWK for its SERVICE_KEY_FILE, and one for its entry in the TRUST_FILE of all. */
export async function generateServiceKey(): Promise<{ readonly privateJwk: JWK; readonly publicJwk: JWK }> {
  const pair = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
  const { d, ...common } = await exportJWK(pair.privateKey);
  const kid = await calculateJwkThumbprint(common);
  return { privateJwk: { ...common, kid, d }, publicJwk: { ...common, kid } };
}

/** The public half of a private JWK. */
export function publicHalf(privateKey: JWK): JWK {
  const { d: _private, ...publicKey } = privateKey;
  return publicKey;
}

/** @throws {ConfigError} for a text that is not one private Ed25519 JWK */
export function parseServiceKey(text: string): ServiceKey {
  return parseKeyFile('SERVICE_KEY_FILE', text, privateJwk, (jwk) => ({
    kid: jwk.kid,
    key: createPrivateKey({ key: jwk, format: 'jwk' }),
  }));
}
