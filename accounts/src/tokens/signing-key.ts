import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { ACCESS_TOKEN } from '../../contract.ts';
import { deriveKey } from '../derive-key.ts';
import type { NewSigningKey, PublicKey } from '../domain/token-ports.ts';

const CIPHER = 'aes-256-gcm';
/** NIST SP 800-38D, section 8.2: 96 bits, random. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

export interface SigningKeyVault {
  /** A new key pair; its private half is encrypted. */
  create(): Promise<NewSigningKey>;
  /** @throws {Error} for a key that another secret encrypted, or that was changed or renamed since */
  open(kid: string, privateEncrypted: Buffer): Promise<CryptoKey>;
}

/** Private keys leave this file encrypted only. The kid is authenticated with them, so that no row can pose as another. */
export function createSigningKeyVault(secret: string): SigningKeyVault {
  return {
    async create() {
      const pair = await generateKeyPair(ACCESS_TOKEN.alg, { extractable: true });
      const { x, y } = await exportJWK(pair.publicKey);
      if (x === undefined || y === undefined) throw new Error(`The new key is no ${ACCESS_TOKEN.alg} key`);
      const kid = await calculateJwkThumbprint({ kty: 'EC', crv: 'P-256', x, y });
      const publicJwk: PublicKey = { kty: 'EC', crv: 'P-256', x, y, kid, alg: ACCESS_TOKEN.alg, use: 'sig' };
      const privateJwk = Buffer.from(JSON.stringify(await exportJWK(pair.privateKey)));
      return { kid, publicJwk, privateEncrypted: encrypt(encryptionKeyOf(secret), kid, privateJwk) };
    },

    async open(kid, privateEncrypted) {
      return (await importJWK(readPrivateJwk(secret, kid, privateEncrypted), ACCESS_TOKEN.alg)) as CryptoKey;
    },
  };
}

export function readPrivateJwk(secret: string, kid: string, privateEncrypted: Buffer): JWK {
  return JSON.parse(decrypt(encryptionKeyOf(secret), kid, privateEncrypted).toString());
}

const encryptionKeyOf = (secret: string): Buffer => deriveKey(secret, 'private signing keys');

function encrypt(key: Buffer, kid: string, text: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(Buffer.from(kid));
  const encrypted = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), encrypted]);
}

function decrypt(key: Buffer, kid: string, sealed: Buffer): Buffer {
  const iv = sealed.subarray(0, IV_BYTES);
  const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(kid));
  decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]);
}
