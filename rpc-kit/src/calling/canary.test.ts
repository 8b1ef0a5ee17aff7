import assert from 'node:assert/strict';
import fc from 'fast-check';
import { callOf } from '../../test/call-stubs.ts';
import { isLikely, randomOf } from '../../test/random.ts';
import type { Call } from '../call.ts';
import { type CanaryOptions, createCanary } from './canary.ts';
import type { Failure } from './failure.ts';

interface Versioned {
  readonly listed: { readonly url: string; readonly version?: string };
}

const stable: Versioned = { listed: { url: 'a', version: '1' } };
const unnamed: Versioned = { listed: { url: 'b' } };
const fresh: Versioned = { listed: { url: 'c', version: '2' } };
const ALL = [stable, unnamed, fresh];
const CALLS = 20_000;

describe('the canary', () => {
  function setUp(options: Partial<CanaryOptions>, seed = 1) {
    const log: string[] = [];
    const canary = createCanary<Versioned>({ version: '2', ...options }, randomOf(seed), {
      settled: (endpoint, call, group, failure) =>
        log.push(`${endpoint.listed.url} ${call.method} ${group} ${failure ?? 'ok'}`),
    });
    const narrow = (call: Call = callOf(), available: readonly Versioned[] = ALL) =>
      canary.narrow({ listed: ALL, available }, { call, isFailover: false });
    const isCanary = (call?: Call): boolean => narrow(call).available.includes(fresh);
    return { canary, narrow, isCanary, log };
  }

  it('gets its share of the calls', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 100 }), (seed, percent) => {
        const { isCanary } = setUp({ share: percent / 100 }, seed);
        let count = 0;
        for (let call = 0; call < CALLS; call++) count += isCanary() ? 1 : 0;
        assert.ok(isLikely(count, CALLS, percent / 100), `${count} at ${percent} %`);
      }),
      { numRuns: 10 },
    );
  });

  it('is the endpoints of its version, and every other endpoint is stable', () => {
    assert.deepEqual(setUp({ share: 1 }).narrow(), { listed: [fresh], available: [fresh] });
    assert.deepEqual(setUp({ share: 0 }).narrow(), { listed: [stable, unnamed], available: [stable, unnamed] });
  });

  it('gets the calls that are meant for it, whatever its share', () => {
    const isMeant = ({ baggage }: Call) => baggage === 'canary=yes';
    const { isCanary } = setUp({ isMeant });
    assert.equal(isCanary(callOf({ baggage: 'canary=yes' })), true);
    assert.equal(isCanary(callOf({ baggage: 'canary=no' })), false);
    assert.equal(isCanary(), false);
  });

  it('gets all calls of a key or none, its share of the keys, and other keys for another version', () => {
    const stickyBy = ({ params }: Call) => (params as { readonly user?: string }).user;
    const keysOf = (version: string): Set<number> => {
      const { narrow } = setUp({ version, share: 0.2, stickyBy }, 7);
      const other = version === '2' ? fresh : stable;
      const isCanary = (user: number) => narrow(callOf({ params: { user: `user-${user}` } })).available.includes(other);
      const keys = Array.from({ length: CALLS }, (_none, user) => user).filter(isCanary);
      assert.deepEqual(keys, keys.filter(isCanary));
      assert.ok(isLikely(keys.length, CALLS, 0.2), `${keys.length}`);
      return new Set(keys);
    };
    const both = keysOf('2').intersection(keysOf('1')).size;
    assert.ok(isLikely(both, CALLS, 0.04), `${both} keys in common`);
  });

  it('keeps its keys when its share grows', () => {
    const stickyBy = ({ requestId }: Call) => requestId;
    const [small, large] = [setUp({ share: 0.05, stickyBy }), setUp({ share: 0.5, stickyBy })];
    const calls = Array.from({ length: 1_000 }, (_none, user) => callOf({ requestId: `user-${user}` }));
    const kept = calls.filter((call) => small.isCanary(call));
    assert.ok(kept.length > 20 && kept.every((call) => large.isCanary(call)));
  });

  it('draws for a call without a key', () => {
    const { isCanary } = setUp({ share: 0.5, stickyBy: () => undefined });
    const outcomes = Array.from({ length: 50 }, () => isCanary());
    assert.ok(outcomes.includes(true) && outcomes.includes(false));
  });

  it('leaves the call to the other group when none of its own endpoints is available', () => {
    assert.deepEqual(setUp({ share: 1 }).narrow(callOf(), [stable]).available, [stable]);
    assert.deepEqual(setUp({ share: 0 }).narrow(callOf(), [fresh]).available, [fresh]);
  });

  it('reports by group how each attempt ended', () => {
    const { canary, log } = setUp({});
    const settle = (endpoint: Versioned, failure?: Failure) => canary.settled?.(endpoint, callOf(), failure);
    settle(fresh, 'broken');
    settle(fresh);
    settle(unnamed, 'answered');
    assert.deepEqual(log, ['c look canary broken', 'c look canary ok', 'b look stable answered']);
  });

  it('refuses a share outside its range', () => {
    for (const share of [-0.1, 1.1, Number.NaN]) assert.throws(() => setUp({ share }), RangeError);
  });
});
