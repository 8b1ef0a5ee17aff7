import type { Context, Role, SessionStep } from './ports.ts';

/** Ports of tokens, their signing keys, revocations and shared rate limits. */

export interface RefreshTokens {
  mint(step: SessionStep): string;
  /** @returns `undefined` for a text that is no refresh token of this service */
  read(token: string): SessionStep | undefined;
}

export interface Bearer {
  readonly user: bigint;
  readonly role: Role;
  readonly sessionID: string;
  /** When the session ends at the latest. `undefined`: later than the token does. */
  readonly endsAt?: Date | undefined;
}

export interface AccessTokens {
  /** The token expires with its session at the latest. */
  sign(bearer: Bearer): Promise<{
    readonly accessToken: string;
    /** In seconds. */
    readonly expiresIn: number;
  }>;
}

/** A public key as a JWK (RFC 7517). */
export interface PublicKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly alg: 'ES256';
  readonly use: 'sig';
}

export interface NewSigningKey {
  readonly kid: string;
  readonly publicJwk: PublicKey;
  readonly privateEncrypted: Buffer;
}

/** A key is published as `next`, then signs as `active`, then only verifies as `retired`. */
export type KeyState = 'next' | 'active' | 'retired';

export interface StoredSigningKey {
  readonly kid: string;
  readonly state: KeyState;
  /** The time of its state is over, by the database's clock. */
  readonly isDue: boolean;
  readonly publicJwk: PublicKey;
  /** A retired key has none. */
  readonly privateEncrypted: Buffer | undefined;
}

export interface SigningKeyReader {
  /** All keys that verify. */
  list(context: Context): Promise<StoredSigningKey[]>;
}

export interface SigningKeys {
  /** Reads all keys, and keeps other transactions from changing them. Readers do not wait. */
  lock(): Promise<StoredSigningKey[]>;
  add(key: NewSigningKey, state: 'next' | 'active', forMs: number): Promise<void>;
  activate(kid: string, forMs: number): Promise<void>;
  /** Deletes the private half. */
  retire(kid: string, forMs: number): Promise<void>;
  remove(kid: string): Promise<void>;
}

export interface SigningKeyStore {
  transaction<T>(work: (keys: SigningKeys) => Promise<T>, context: Context): Promise<T>;
}

export interface Revocation {
  readonly sessionID: string;
  /** From then on none of its access tokens is valid. */
  readonly until: Date;
}

export interface Revocations {
  readonly revocations: readonly Revocation[];
  /** The seq of the last of them. */
  readonly seq: bigint;
  /** Whether no more of them wait. */
  readonly complete: boolean;
}

export interface RevocationReader {
  since(seq: bigint, context: Context): Promise<Revocations>;
}

export interface Lease {
  readonly bucket: string;
  readonly wanted: number;
  readonly capacity: number;
  readonly perSecond: number;
}

export interface TokenBuckets {
  lease(lease: Lease, context: Context): Promise<{ readonly granted: number; readonly retryAfterMs: number }>;
}
