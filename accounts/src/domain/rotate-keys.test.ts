import assert from 'node:assert/strict';
import { isRotationDue, rotateKeys } from './rotate-keys.ts';
import type { KeyState, NewSigningKey, SigningKeyStore, StoredSigningKey } from './token-ports.ts';

const context = { signal: new AbortController().signal };
const HOUR_MS = 3_600_000;

/** Keys in memory, on a clock that only the test moves. */
class KeysInMemory implements SigningKeyStore {
  nowMs = 0;
  readonly rows = new Map<string, { state: KeyState; untilMs: number }>();
  created = 0;

  get keys(): StoredSigningKey[] {
    return [...this.rows].map(
      ([kid, { state, untilMs }]) => ({ kid, state, isDue: untilMs <= this.nowMs }) as StoredSigningKey,
    );
  }

  readonly transaction: SigningKeyStore['transaction'] = (work) => {
    const set = async (kid: string, state: KeyState, forMs: number): Promise<void> => {
      this.rows.set(kid, { state, untilMs: this.nowMs + forMs });
    };
    return work({
      lock: async () => this.keys,
      add: ({ kid }, state, forMs) => set(kid, state, forMs),
      activate: (kid, forMs) => set(kid, 'active', forMs),
      retire: (kid, forMs) => set(kid, 'retired', forMs),
      remove: async (kid) => void this.rows.delete(kid),
    });
  };

  rotate(): Promise<void> {
    const createKey = async () => ({ kid: `key ${++this.created}` }) as NewSigningKey;
    return rotateKeys({ signingKeys: this, createKey }, context);
  }

  get states(): Record<string, KeyState> {
    return Object.fromEntries([...this.rows].map(([kid, { state }]) => [kid, state]));
  }
}

describe('The rotation of signing keys', () => {
  it('makes the first active and next key once', async () => {
    const keys = new KeysInMemory();
    assert.ok(isRotationDue(keys.keys));
    await keys.rotate();
    await keys.rotate();
    assert.deepEqual(keys.states, { 'key 1': 'active', 'key 2': 'next' });
    assert.ok(!isRotationDue(keys.keys));
  });

  it('replaces the active key after 30 days, and removes it an hour later', async () => {
    const keys = new KeysInMemory();
    await keys.rotate();
    keys.nowMs = 720 * HOUR_MS - 1;
    assert.ok(!isRotationDue(keys.keys));
    keys.nowMs += 1;
    assert.ok(isRotationDue(keys.keys));
    await keys.rotate();
    await keys.rotate();
    const rotated = { 'key 1': 'retired', 'key 2': 'active', 'key 3': 'next' };
    assert.deepEqual(keys.states, rotated);
    keys.nowMs += HOUR_MS - 1;
    await keys.rotate();
    assert.deepEqual(keys.states, rotated);
    keys.nowMs += 1;
    assert.ok(isRotationDue(keys.keys));
    await keys.rotate();
    assert.deepEqual(keys.states, { 'key 2': 'active', 'key 3': 'next' });
  });

  it('keeps an overdue active key until the next one has been published for an hour', async () => {
    const keys = new KeysInMemory();
    await keys.rotate();
    keys.rows.delete('key 2');
    keys.nowMs = 800 * HOUR_MS;
    await keys.rotate();
    assert.deepEqual(keys.states, { 'key 1': 'active', 'key 3': 'next' });
    assert.ok(!isRotationDue(keys.keys));
    keys.nowMs += HOUR_MS;
    await keys.rotate();
    assert.deepEqual(keys.states, { 'key 1': 'retired', 'key 3': 'active', 'key 4': 'next' });
  });
});
