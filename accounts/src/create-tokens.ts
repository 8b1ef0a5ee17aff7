import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, type Database, startBackground } from 'service-kit';
import { rotateKeys } from './domain/rotate-keys.ts';
import type { TokenParts } from './domain/start-session.ts';
import { createSigningKeyReader, createSigningKeyStore } from './repository/signing-keys.ts';
import { createAccessTokens } from './tokens/access-tokens.ts';
import { createKeyRing, type KeyRing } from './tokens/key-ring.ts';
import { createRefreshTokens } from './tokens/refresh-tokens.ts';
import { createSigningKeyVault } from './tokens/signing-key.ts';

export interface TokenConfig {
  readonly ACCOUNTS_SECRET: string;
  readonly TOKEN_ISSUER: string;
  readonly TOKEN_AUDIENCE: string;
}

export interface Tokens extends TokenParts {
  readonly keys: KeyRing;
}

export function createTokens(database: Database, config: TokenConfig, logger: Logger): Tokens {
  const vault = createSigningKeyVault(config.ACCOUNTS_SECRET);
  const signingKeys = createSigningKeyStore(database);
  const keys = createKeyRing({
    reader: createSigningKeyReader(database),
    vault,
    async rotate() {
      await rotateKeys(
        { signingKeys, createKey: vault.create },
        {
          signal: AbortSignal.timeout(ROTATION_TIMEOUT_MS),
        },
      );
      logger.info('the signing keys were rotated');
    },
  });
  return {
    keys,
    accessTokens: createAccessTokens({ keys, issuer: config.TOKEN_ISSUER, audience: config.TOKEN_AUDIENCE }),
    refreshTokens: createRefreshTokens(config.ACCOUNTS_SECRET),
  };
}

/** A few statements, after the same ones of another replica. */
const ROTATION_TIMEOUT_MS = 2_000;
/** How late a process notices a rotation. A key is published, and a retired one verifies, for far longer. */
const KEYS_IDLE_MS = 5_000;

/** Reads the signing keys again and again. */
export function startKeyRotation(keys: KeyRing, logger: Logger, registry: Registry): Background {
  return startBackground({
    name: 'rotate signing keys',
    logger,
    registry,
    idleMs: KEYS_IDLE_MS,
    async round() {
      await keys.reload();
      return false;
    },
  });
}
