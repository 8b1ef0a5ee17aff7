import { createHmac, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../derive-key.ts';
import type { SessionStep } from '../domain/ports.ts';
import type { RefreshTokens } from '../domain/token-ports.ts';

/** 16 bytes, a whole number without leading zeros, 32 bytes. */
const SHAPE = /^([\w-]{22})\.([1-9]\d{0,9})\.[\w-]{43}$/;

/**
 * A refresh token is `<session id>.<counter>.<HMAC>`. It is computed, never stored, so the database holds nothing that a thief
 * could use, and the successor of a token is the same each time it is asked for.
 */
export function createRefreshTokens(secret: string): RefreshTokens {
  const mint = ({ sessionID, counter }: SessionStep): string => {
    const id = Buffer.from(sessionID.replaceAll('-', ''), 'hex').toString('base64url');
    const key = deriveKey(secret, `refresh token of session ${sessionID}`);
    return `${id}.${counter}.${createHmac('sha256', key).update(String(counter)).digest('base64url')}`;
  };
  return {
    mint,
    read(token) {
      const [, id = '', counter] = SHAPE.exec(token) ?? [];
      if (counter === undefined) return undefined;
      const step = { sessionID: toUuid(id), counter: Number(counter) };
      // Comparing the whole text also refuses every other base64url spelling of the same bytes.
      return timingSafeEqual(Buffer.from(token), Buffer.from(mint(step))) ? step : undefined;
    },
  };
}

function toUuid(id: string): string {
  const hex = Buffer.from(id, 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
