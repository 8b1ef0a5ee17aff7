import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { callOf } from '../../test/call-stubs.ts';
import { isLikely, randomOf } from '../../test/random.ts';
import type { Failure } from './failure.ts';
import { createZonePreference } from './zone-preference.ts';

interface Zoned {
  readonly listed: { readonly url: string; readonly zone?: string };
}

function inZone(zone: string | undefined, count: number): Zoned[] {
  return Array.from({ length: count }, (_none, index) => ({
    listed: { url: `${zone}${index}`, ...(zone !== undefined && { zone }) },
  }));
}

const CALLS = 20_000;

describe('the zone preference', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
  });
  afterEach(() => {
    clock.restore();
    sinon.restore();
  });

  function setUp(seed = 1) {
    const spills: string[] = [];
    const preference = createZonePreference<Zoned>('a', randomOf(seed), { spill: ({ why }) => spills.push(why) });
    const call = callOf();
    const narrow = (listed: readonly Zoned[], available = listed, isFailover = false) =>
      preference.narrow({ listed, available }, { call, isFailover });
    const settle = (endpoint: Zoned | undefined, failure?: Failure) => {
      if (endpoint) preference.settled?.(endpoint, call, failure);
    };
    return { narrow, settle, spills };
  }

  it('keeps every call in the zone while its endpoints are available', () => {
    const [local, others] = [inZone('a', 2), [...inZone('b', 3), ...inZone(undefined, 1)]];
    const { narrow, settle, spills } = setUp();
    for (let call = 0; call < 1_000; call++) {
      assert.deepEqual(narrow([...others, ...local]), { listed: local, available: local });
      settle(local[0], call % 2 === 0 ? undefined : 'answered');
    }
    assert.deepEqual(spills, []);
  });

  it('keeps 1.4 times the available share in the zone, so that no endpoint gets more than 1.4 times its load', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 20 }), fc.nat(20), (seed, count, wanted) => {
        const available = Math.min(count, wanted);
        const [local, others] = [inZone('a', count), inZone('b', 2)];
        const { narrow, spills } = setUp(seed);
        let kept = 0;
        for (let call = 0; call < CALLS; call++) {
          const narrowed = narrow([...local, ...others], [...local.slice(0, available), ...others]);
          assert.ok(narrowed.available.length > 0);
          kept += narrowed.available[0]?.listed.zone === 'a' ? 1 : 0;
        }
        const share = Math.min(1, (1.4 * available) / count);
        assert.ok(isLikely(kept, CALLS, share), `${kept} with ${available} of ${count}`);
        assert.deepEqual([...new Set(spills)], share < 1 ? ['unavailable'] : []);
      }),
      { numRuns: 10 },
    );
  });

  it('sends a call to another zone when an endpoint of its own could not be reached', () => {
    const [local, others] = [inZone('a', 3), inZone('b', 1)];
    const { narrow, spills } = setUp();
    assert.deepEqual(narrow([...local, ...others], [...local.slice(1), ...others], true).available, others);
    assert.deepEqual(spills, ['unavailable']);
  });

  it('leaves the choice as it is where it has none', () => {
    const [local, others] = [inZone('a', 2), inZone('b', 2)];
    const { narrow, spills } = setUp();
    assert.deepEqual(narrow(others), { listed: others, available: others });
    assert.deepEqual(narrow(local, local.slice(1), true).available, local.slice(1));
    assert.deepEqual(narrow([...local, ...others], local.slice(1)).available, local.slice(1));
    assert.deepEqual(spills, []);
  });

  /** Makes 200 calls a second, of which the zone accepts so many. Returns how many it was asked for, second by second. */
  function askedFor(seconds: number, acceptedMax: number, { narrow, settle }: ReturnType<typeof setUp>): number[] {
    const [local, others] = [inZone('a', 2), inZone('b', 2)];
    return Array.from({ length: seconds }, () => {
      let asked = 0;
      for (let call = 0; call < 200; call++) {
        if (narrow([...local, ...others]).available[0]?.listed.zone === 'a') {
          asked += 1;
          settle(local[0], asked > acceptedMax ? 'pushed-back' : undefined);
        }
        clock.tick(5);
      }
      return asked;
    });
  }

  it('asks a zone that refuses calls for about 1.1 times what it accepts', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 50, max: 180 }), (seed, acceptedMax) => {
        const given = setUp(seed);
        const asked = askedFor(120, acceptedMax, given).slice(-90);
        const ratio = asked.reduce((sum, count) => sum + count) / (acceptedMax * asked.length);
        // Over 1,200 seeds, it was from 0.997 to 1.124.
        assert.ok(ratio >= 0.9 && ratio <= 1.2, `${ratio} times ${acceptedMax}`);
        assert.deepEqual([...new Set(given.spills)], ['overloaded']);
      }),
      { numRuns: 10 },
    );
  });

  it('returns to the zone when it accepts all calls again', () => {
    const given = setUp();
    askedFor(30, 50, given);
    assert.equal(askedFor(90, 200, given).at(-1), 200);
  });

  it('has forgotten an overload after a pause', () => {
    const given = setUp();
    askedFor(30, 50, given);
    clock.tick(60_000);
    given.spills.length = 0;
    askedFor(1, 200, given);
    assert.deepEqual(given.spills, []);
  });

  it('counts neither calls that their callers withdrew nor those of other zones', () => {
    const [local, others] = [inZone('a', 2), inZone('b', 2)];
    const { narrow, settle, spills } = setUp();
    for (let call = 0; call < 100; call++) {
      settle(local[0], 'withdrawn');
      settle(others[0], 'broken');
      narrow([...local, ...others]);
    }
    assert.deepEqual(spills, []);
  });
});
