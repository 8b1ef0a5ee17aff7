import assert from 'node:assert/strict';
import { Registry } from 'prom-client';
import { RpcError } from 'rpc-kit';
import type { HashPlace } from '../domain/ports.ts';
import { CURRENT, createHasher, HASHES_MAX, type Hasher, WAITING_MAX } from './hasher.ts';
import { parsePhc } from './phc.ts';

/** As cheap as argon2 allows. */
const CHEAP = { memory: 8, passes: 1, parallelism: 1 };
const { signal } = new AbortController();

describe('The hasher', () => {
  let registry: Registry;
  let hasher: Hasher;
  let place: HashPlace;

  beforeEach(() => {
    registry = new Registry();
    hasher = createHasher(registry, CHEAP);
    place = hasher.enter();
  });

  async function hashesDone(): Promise<number | undefined> {
    const { values = [] } = (await registry.getSingleMetric('password_hash_duration_seconds')?.get()) ?? {};
    return values.find((value) => 'metricName' in value && String(value.metricName).endsWith('_count'))?.value;
  }

  it('writes argon2id with 19 MiB and two passes as a PHC string', async () => {
    const hash = await createHasher(new Registry()).enter().hash('a password', { signal });
    assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    assert.deepEqual(CURRENT, { memory: 19_456, passes: 2, parallelism: 1 });
  });

  it('verifies a hash of another implementation', async () => {
    // From the tests of the reference implementation, phc-winner-argon2/src/test.c.
    const hash = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
    assert.equal(await place.verify(hash, 'password', { signal }), true);
    assert.equal(await place.verify(hash, 'passwore', { signal }), false);
  });

  it('salts: the same password has another hash each time', async () => {
    assert.notEqual(await place.hash('a password', { signal }), await place.hash('a password', { signal }));
  });

  it('uses the whole password, whatever its length', async () => {
    for (const length of [1, 14, 15, 64, 72, 73, 1_024]) {
      const password = 'é'.repeat(length);
      const hash = await place.hash(password, { signal });
      assert.equal(await place.verify(hash, password, { signal }), true);
      assert.equal(await place.verify(hash, `${password.slice(0, -1)}e`, { signal }), false, `${length} characters`);
    }
  });

  it('uses what follows a NUL', async () => {
    const hash = await place.hash('a walk\0along', { signal });
    assert.equal(await place.verify(hash, 'a walk\0round', { signal }), false);
  });

  it('takes a letter that is composed, and one of two parts, as the same', async () => {
    const hash = await place.hash('cafe\u0301 by the river', { signal });
    assert.equal(await place.verify(hash, 'caf\u00e9 by the river', { signal }), true);
    assert.equal(await place.verify(hash, 'cafe by the river', { signal }), false);
  });

  it('does the work of a hash where there is none to check, and answers false', async () => {
    assert.equal(await place.verify(undefined, 'a password', { signal }), false);
    assert.equal(await hashesDone(), 1);
    await place.verify(await place.hash('another', { signal }), 'a password', { signal });
    assert.equal(await hashesDone(), 3);
  });

  it('finds a hash outdated whose parameters are lower than the current ones', async () => {
    const hash = await place.hash('a password', { signal });
    assert.equal(hasher.isOutdated(hash), false);
    assert.equal(createHasher(new Registry(), { ...CHEAP, passes: 2 }).isOutdated(hash), true);
    assert.equal(createHasher(new Registry(), { ...CHEAP, memory: 16 }).isOutdated(hash), true);
  });

  for (const text of [
    '',
    'plain text',
    '$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHRzb21lc2FsdA',
    '$2b$12$abcdef',
  ]) {
    it(`refuses to check "${text}", without quoting it`, () => {
      assert.throws(
        () => parsePhc(text),
        ({ message }: Error) => message === 'A stored password hash is no PHC string of argon2id, version 19',
      );
    });
  }

  it('refuses more places than may run and wait, and counts the refusal', async () => {
    const places = Array.from({ length: HASHES_MAX + WAITING_MAX - 1 }, () => hasher.enter());
    assert.throws(
      () => hasher.enter(),
      (error) => error instanceof RpcError && error.code === 'resource_exhausted' && error.retryAfterMs === 3_000,
    );
    assert.equal((await registry.getSingleMetric('password_hashes_refused_total')?.get())?.values[0]?.value, 1);
    // A place that is left twice is free once.
    for (const _ of [1, 2]) places[0]?.[Symbol.dispose]();
    hasher.enter();
    assert.throws(() => hasher.enter(), RpcError);
  });

  it('refuses a place that would wait for more than 3 s, as long as hashes take now', async () => {
    let clockMs = 0;
    const slow = createHasher(new Registry(), CHEAP, () => (clockMs += 4_000));
    {
      using first = slow.enter();
      for (let n = 0; n < 40; n++) await first.hash('a password', { signal });
    }
    for (let n = 0; n < HASHES_MAX; n++) slow.enter();
    assert.throws(() => slow.enter(), { code: 'resource_exhausted', retryAfterMs: 3_000 });
  });

  it('runs a few hashes at a time, and starts none whose caller has left', async () => {
    const caller = new AbortController();
    const running = Array.from({ length: HASHES_MAX }, () => place.hash('a password', { signal }));
    const waiting = place.hash('a password', { signal: caller.signal });
    const states = async () => {
      const { values = [] } = (await registry.getSingleMetric('password_hashes')?.get()) ?? {};
      return Object.fromEntries(values.map(({ labels, value }) => [labels.state, value]));
    };
    await Promise.resolve();
    assert.deepEqual(await states(), { running: HASHES_MAX, waiting: 1 });
    caller.abort(new Error('the caller left'));
    await assert.rejects(waiting, /the caller left/);
    await Promise.all(running);
    assert.deepEqual(await states(), { running: 0, waiting: 0 });
    assert.equal(await hashesDone(), HASHES_MAX);
  });

  it('starts no hash after the deadline', async () => {
    const late = AbortSignal.abort(new Error('too late'));
    await assert.rejects(place.hash('a password', { signal: late }), /too late/);
    assert.equal(await hashesDone(), 0);
  });
});
