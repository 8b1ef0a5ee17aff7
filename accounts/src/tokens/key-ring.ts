import type { CryptoKey } from 'jose';
import { DatabaseUnavailable } from 'service-kit';
import { isRotationDue } from '../domain/rotate-keys.ts';
import type { PublicKey, SigningKeyReader, StoredSigningKey } from '../domain/token-ports.ts';
import type { SigningKeyVault } from './signing-key.ts';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
}

/** The signing keys as this process last read them, so that no call pays for reading or decrypting them. */
export interface KeyRing {
  /**
   * Never reads them, because its caller may hold the connection that the reading would wait for.
   * @throws {DatabaseUnavailable} before the first reading
   */
  signingKey(): Promise<SigningKey>;
  /** The keys that verify. */
  published(): Promise<PublicKey[]>;
  /** Reads the keys again, and rotates them if their time is over. If that fails, those of before stay in use. */
  reload(): Promise<void>;
}

export interface KeyRingParts {
  readonly reader: SigningKeyReader;
  readonly vault: SigningKeyVault;
  /** Also makes the first keys of a new database. */
  readonly rotate: () => Promise<void>;
}

/** Far longer than reading a few rows takes. */
const READ_TIMEOUT_MS = 1_000;

export function createKeyRing({ reader, vault, rotate }: KeyRingParts): KeyRing {
  let keys: readonly StoredSigningKey[] = [];
  let reloading: Promise<void> | undefined;
  let opened: { readonly kid: string; readonly privateKey: Promise<CryptoKey> } | undefined;

  async function read(): Promise<void> {
    keys = await reader.list({ signal: AbortSignal.timeout(READ_TIMEOUT_MS) });
  }

  async function readAndRotate(): Promise<void> {
    await read();
    if (!isRotationDue(keys)) return;
    await rotate();
    await read();
  }

  /** Callers that overlap share one reading. */
  function reload(): Promise<void> {
    reloading ??= readAndRotate().finally(() => {
      reloading = undefined;
    });
    return reloading;
  }

  async function open({ kid, privateEncrypted }: StoredSigningKey): Promise<CryptoKey> {
    try {
      return await vault.open(kid, privateEncrypted ?? Buffer.alloc(0));
    } catch (cause) {
      const message = `The signing key ${kid} cannot be decrypted with ACCOUNTS_SECRET: restore the secret, or replace all keys with make rotate-keys LEAKED=yes`;
      throw new Error(message, { cause });
    }
  }

  return {
    async signingKey() {
      const active = keys.find(({ state }) => state === 'active');
      if (!active) throw new DatabaseUnavailable('The signing keys have not been read yet');
      if (opened?.kid !== active.kid) opened = { kid: active.kid, privateKey: open(active) };
      return { kid: active.kid, privateKey: await opened.privateKey };
    },

    async published() {
      if (keys.length === 0) await reload();
      const verifying = keys.filter(({ state, isDue }) => !(state === 'retired' && isDue));
      return verifying.map(({ publicJwk }) => publicJwk);
    },

    reload,
  };
}
