import { hkdfSync } from 'node:crypto';

const KEY_BYTES = 32;

/** A key of its own for each label, so that a key that leaks opens nothing else (HKDF, RFC 5869). */
export function deriveKey(secret: string, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `order-mesh accounts: ${label}`, KEY_BYTES));
}
