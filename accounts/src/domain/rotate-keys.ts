import type { Context } from './ports.ts';
import type { NewSigningKey, SigningKeyStore, SigningKeys, StoredSigningKey } from './token-ports.ts';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600 * SECOND_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long a key signs. */
export const ACTIVE_MS = 30 * DAY_MS;
/** How long a key is published at least before it signs, so that every verifier knows it by then. */
export const NEXT_MS = HOUR_MS;
/** Longer than an access token lives. */
export const RETIRED_MS = HOUR_MS;

export interface RotationParts {
  readonly signingKeys: SigningKeyStore;
  readonly createKey: () => Promise<NewSigningKey>;
}

/**
 * `due` rotates when the active key's time is over. `now` retires the active key early. `leaked` removes all keys, so every
 * access token is refused at once.
 */
export type RotationCause = 'due' | 'now' | 'leaked';

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
export function rotateKeys(parts: RotationParts, cause: RotationCause, context: Context): Promise<void> {
  return parts.signingKeys.transaction(async (signingKeys) => {
    const found = await signingKeys.lock();
    const [kept, removed] = partition(found, (key) => cause !== 'leaked' && !(key.state === 'retired' && key.isDue));
    for (const { kid } of removed) await signingKeys.remove(kid);
    await replaceActive(parts, signingKeys, kept, cause);
  }, context);
}

async function replaceActive(
  { createKey }: RotationParts,
  signingKeys: SigningKeys,
  keys: readonly StoredSigningKey[],
  cause: RotationCause,
): Promise<void> {
  const [active, next] = [findState(keys, 'active'), findState(keys, 'next')];
  const isReplaced = !active || cause === 'now' || (active.isDue && next?.isDue);
  if (isReplaced) {
    if (active) await signingKeys.retire(active.kid, RETIRED_MS);
    if (next) await signingKeys.activate(next.kid, ACTIVE_MS);
    // Only without any key, so no verifier expects tokens yet.
    else await signingKeys.add(await createKey(), 'active', ACTIVE_MS);
  }
  if (isReplaced || !next) await signingKeys.add(await createKey(), 'next', NEXT_MS);
}

function findState(keys: readonly StoredSigningKey[], state: StoredSigningKey['state']) {
  return keys.find((key) => key.state === state);
}

function partition<T>(items: readonly T[], holds: (item: T) => boolean): readonly [T[], T[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))];
}
