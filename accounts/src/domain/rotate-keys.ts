import type { Context } from './ports.ts';
import type { NewSigningKey, SigningKeyStore, StoredSigningKey } from './token-ports.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long a key signs. */
const ACTIVE_MS = 30 * DAY_MS;
/** How long a key is published at least before it signs, so that every verifier knows it by then. */
export const NEXT_MS = HOUR_MS;
/** Longer than an access token lives. */
const RETIRED_MS = HOUR_MS;

export interface RotationParts {
  readonly signingKeys: SigningKeyStore;
  readonly createKey: () => Promise<NewSigningKey>;
}

/** Whether a rotation has work to do, so that replicas need no lock to find that there is none. */
export function isRotationDue(keys: readonly StoredSigningKey[]): boolean {
  const [active, next] = [findState(keys, 'active'), findState(keys, 'next')];
  if (!active || !next) return true;
  return keys.some(({ state, isDue }) => state === 'retired' && isDue) || (active.isDue && next.isDue);
}

/**
 * Brings the keys to one active and one next key. Replicas may call it at the same time: the first one changes the keys, and
 * the others find nothing left to do.
 */
export function rotateKeys({ signingKeys, createKey }: RotationParts, context: Context): Promise<void> {
  return signingKeys.transaction(async (transaction) => {
    const keys = await transaction.lock();
    for (const { kid, state, isDue } of keys) if (state === 'retired' && isDue) await transaction.remove(kid);
    const [active, next] = [findState(keys, 'active'), findState(keys, 'next')];
    const isReplaced = !active || (active.isDue && next?.isDue);
    if (isReplaced) {
      if (active) await transaction.retire(active.kid, RETIRED_MS);
      // Without a next key, there was none at all: no verifier has read keys yet, or an operator removed them.
      if (next) await transaction.activate(next.kid, ACTIVE_MS);
      else await transaction.add(await createKey(), 'active', ACTIVE_MS);
    }
    if (isReplaced || !next) await transaction.add(await createKey(), 'next', NEXT_MS);
  }, context);
}

function findState(keys: readonly StoredSigningKey[], state: StoredSigningKey['state']): StoredSigningKey | undefined {
  return keys.find((key) => key.state === state);
}
