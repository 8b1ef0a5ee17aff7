import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { RestError } from './rest-error.ts';

/** Half of SHA-256: 128 bits cannot be guessed, and the cursor stays short. */
const SIGNATURE_BYTES = 16;

/** The list that a cursor belongs to. */
export interface List {
  readonly route: string;
  /** Undefined for a list that is the same for everyone. */
  readonly user: bigint | undefined;
  /** The query without paging. */
  readonly filter: Readonly<Record<string, unknown>>;
}

export interface Cursors {
  /** The service's cursor with a signature over it and its list. */
  sign(list: List, inner: string): string;
  /** @throws {RestError} 400 for any text that `sign` has not made for this list */
  open(list: List, cursor: string): string;
}

/**
 * Cursors name positions in a service's list. The signature binds each to its route, its query and its person, so that no one
 * reads on in another's list. All replicas derive the key from the same secret.
 */
export function createCursors(secret: string): Cursors {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'order-mesh gateway cursors', 32));

  function signatureOf({ route, user, filter }: List, inner: string): Buffer {
    const bound = JSON.stringify([
      route,
      user === undefined ? null : String(user),
      Object.entries(filter).sort(),
      inner,
    ]);
    return createHmac('sha256', key).update(bound).digest().subarray(0, SIGNATURE_BYTES);
  }

  function sign(list: List, inner: string): string {
    return Buffer.concat([signatureOf(list, inner), Buffer.from(inner)]).toString('base64url');
  }

  return {
    sign,
    open(list, cursor) {
      const bytes = Buffer.from(cursor, 'base64url');
      const inner = bytes.subarray(SIGNATURE_BYTES).toString();
      const signature = bytes.subarray(0, SIGNATURE_BYTES);
      const isOurs = signature.length === SIGNATURE_BYTES && timingSafeEqual(signature, signatureOf(list, inner));
      // base64 has several spellings of the same bytes; only ours is a cursor.
      if (isOurs && bytes.toString('base64url') === cursor) return inner;
      const message = 'expected the nextCursor of an earlier page of this list';
      throw new RestError(400, 'invalid_params', `Invalid params: cursor: ${message}`, {
        details: { issues: [{ path: 'cursor', message }] },
      });
    },
  };
}
