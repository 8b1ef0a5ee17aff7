import assert from 'node:assert/strict';
import sinon from 'sinon';
import { createRelay, type RelayOptions } from './relay.ts';

type Settings = Pick<RelayOptions<number>, 'inHandMax' | 'gatherMs' | 'lookAgainMs'>;

/** A relay over a list of items, whose deliveries end when the test says so. */
function openRelay({ items, ...settings }: Settings & { readonly items: number[] }) {
  const waiting = [...items];
  const underWay = new Map<number, (arrived: boolean) => void>();
  const broken = new Map<number, (error: Error) => void>();
  const noted: (readonly number[])[] = [];
  const looks = { end: Promise.resolve() };
  const fails = { next: undefined as Error | undefined };
  const notes = { failWith: undefined as Error | undefined, setsFree: false };
  let arrivals = 0;
  const claimed: number[] = [];
  const relay = createRelay<number>({
    ...settings,
    async claim(limit) {
      claimed.push(limit);
      await looks.end;
      const { next } = fails;
      fails.next = undefined;
      if (next) throw next;
      return waiting.splice(0, limit);
    },
    deliver: (item) =>
      new Promise((resolve, reject) => {
        underWay.set(item, resolve);
        broken.set(item, reject);
      }),
    async note(arrived) {
      if (notes.failWith) throw notes.failWith;
      noted.push(arrived);
      return notes.setsFree;
    },
    onArrival: () => void arrivals++,
  });
  const stop = new AbortController();
  return {
    ...relay,
    round: () => relay.round(stop.signal),
    stop: () => stop.abort(),
    add: (...more: number[]) => void waiting.push(...more),
    end: async (item: number, arrived = true) => {
      underWay.get(item)?.(arrived);
      await new Promise(setImmediate);
    },
    fail: async (item: number, error: Error) => {
      broken.get(item)?.(error);
      await new Promise(setImmediate);
    },
    underWay,
    noted,
    notes,
    fails,
    looks,
    claimed,
    arrivals: () => arrivals,
  };
}

describe('createRelay', () => {
  it('goes on with others while a delivery takes its time', async () => {
    const relay = openRelay({ items: [1, 2, 3], inHandMax: 2 });
    assert.equal(await relay.round(), true);
    await relay.end(2);
    assert.equal(relay.arrivals(), 1);
    assert.equal(await relay.round(), true);
    assert.deepEqual([...relay.underWay.keys()], [1, 2, 3]);
    assert.deepEqual(relay.noted, [[2]]);
  });

  it('takes no more than it may have in hand, and waits for room', async () => {
    const relay = openRelay({ items: [1, 2, 3], inHandMax: 2 });
    await relay.round();
    let over = false;
    const waiting = relay.round().then((more) => {
      over = true;
      return more;
    });
    await new Promise(setImmediate);
    assert.equal(over, false);
    await relay.end(1);
    assert.equal(await waiting, true);
    await relay.round();
    assert.deepEqual(relay.claimed, [2, 1]);
  });

  it('notes together what arrived meanwhile, before it takes more', async () => {
    const relay = openRelay({ items: [1, 2, 3], inHandMax: 3 });
    await relay.round();
    for (const item of [3, 1]) await relay.end(item);
    assert.equal(await relay.round(), false);
    assert.deepEqual(relay.noted, [[3, 1]]);
  });

  it('neither notes nor tells of what did not arrive', async () => {
    const relay = openRelay({ items: [1], inHandMax: 1 });
    await relay.round();
    await relay.end(1, false);
    assert.equal(await relay.round(), false);
    assert.deepEqual([relay.noted, relay.arrivals()], [[], 0]);
  });

  it('keeps what could not be noted in hand, and notes it in a later round', async () => {
    const relay = openRelay({ items: [1, 2], inHandMax: 2 });
    await relay.round();
    await relay.end(1);
    relay.notes.failWith = new Error('the database went away');
    await assert.rejects(relay.round(), relay.notes.failWith);
    await relay.end(2);
    relay.notes.failWith = undefined;
    await relay.round();
    assert.deepEqual(relay.noted, [[1, 2]]);
  });

  it('fails the next round with a failure that a delivery did not deal with', async () => {
    const relay = openRelay({ items: [1], inHandMax: 1 });
    await relay.round();
    const failure = new Error('could not be put back');
    await relay.fail(1, failure);
    await assert.rejects(relay.round(), failure);
    assert.equal(await relay.round(), false);
  });

  it('settles when everything has ended, and notes it', async () => {
    const relay = openRelay({ items: [1, 2], inHandMax: 2 });
    await relay.round();
    const settled = relay.settle();
    await relay.end(2);
    await relay.end(1, false);
    await settled;
    assert.deepEqual(relay.noted, [[2]]);
  });

  describe('that need not look in every round', () => {
    let clock: sinon.SinonFakeTimers;
    beforeEach(() => {
      clock = sinon.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    });
    afterEach(() => clock.restore());

    /** One that has looked, and found nothing. */
    async function openIdle(settings: Partial<Settings> = {}) {
      const relay = openRelay({ items: [], inHandMax: 4, lookAgainMs: 50, ...settings });
      await relay.round();
      return relay;
    }

    it('looks again when it is told that there is something, and when the time is over', async () => {
      const relay = await openIdle();
      clock.tick(49);
      await relay.round();
      assert.equal(relay.claimed.length, 1);
      relay.expect();
      await relay.round();
      assert.equal(relay.claimed.length, 2);
      clock.tick(50);
      await relay.round();
      assert.equal(relay.claimed.length, 3);
    });

    it('looks again when it found as much as it had room for, until there is less', async () => {
      const relay = await openIdle();
      relay.add(1, 2, 3, 4);
      relay.expect();
      assert.equal(await relay.round(), true);
      await relay.end(1);
      assert.equal(await relay.round(), false);
      await relay.end(2);
      await relay.round();
      assert.deepEqual(relay.claimed, [4, 4, 1]);
    });

    it('looks again when what it noted has set something free, and only then', async () => {
      const relay = await openIdle();
      relay.reserve(2)?.fill([1, 2]);
      await relay.end(1);
      await relay.round();
      assert.deepEqual([relay.noted, relay.claimed.length], [[[1]], 1]);
      relay.notes.setsFree = true;
      await relay.end(2);
      await relay.round();
      assert.deepEqual([relay.noted, relay.claimed.length], [[[1], [2]], 2]);
    });

    it('looks again when a look has failed', async () => {
      const relay = await openIdle();
      const failure = new Error('the database went away');
      relay.fails.next = failure;
      relay.expect();
      await assert.rejects(relay.round(), failure);
      await relay.round();
      assert.equal(relay.claimed.length, 3);
    });

    it('delivers at once what it has kept room for', async () => {
      const relay = await openIdle();
      const reservation = relay.reserve(2);
      relay.add(1, 2, 3, 4);
      relay.expect();
      await relay.round();
      assert.deepEqual(relay.claimed, [4, 2]);
      reservation?.fill([7]);
      assert.deepEqual([...relay.underWay.keys()], [1, 2, 7]);
      assert.throws(() => reservation?.fill([8]), /filled once/);
    });

    it('has no more in hand than it may while it looks, and leaves half of the room where it expects nothing', async () => {
      const relay = await openIdle({ lookAgainMs: 0 });
      async function whileItLooks(look: () => void): Promise<void> {
        const { promise, resolve } = Promise.withResolvers<void>();
        relay.looks.end = promise;
        const round = relay.round();
        await new Promise(setImmediate);
        look();
        resolve();
        await round;
      }
      await whileItLooks(() => {
        assert.equal(relay.reserve(3), undefined);
        assert.ok(relay.reserve(2));
        assert.equal(relay.reserve(1), undefined);
      });
      relay.expect();
      await whileItLooks(() => assert.equal(relay.reserve(1), undefined));
      assert.deepEqual(relay.claimed, [4, 2, 2]);
    });

    it('gives the room back that was kept for nothing', async () => {
      const relay = await openIdle();
      relay.reserve(4)?.fill([]);
      assert.ok(relay.reserve(4));
    });

    it('waits for nothing while all its room is kept for what is not there yet', async () => {
      const relay = await openIdle();
      relay.reserve(4);
      relay.expect();
      assert.equal(await relay.round(), false);
    });

    it('keeps no room where there is none, nor where something may have waited for longer', async () => {
      const relay = await openIdle();
      assert.equal(relay.reserve(5), undefined);
      relay.expect();
      assert.equal(relay.reserve(1), undefined);
      await relay.round();
      assert.ok(relay.reserve(1));
    });

    it('keeps no room before its rounds have begun, nor after they have ended', async () => {
      const relay = openRelay({ items: [], inHandMax: 4 });
      assert.equal(relay.reserve(1), undefined);
      await relay.round();
      assert.ok(relay.reserve(1));
      relay.stop();
      assert.equal(relay.reserve(1), undefined);
    });

    it('tells of arrivals together, once the first of them has waited a little', async () => {
      const relay = await openIdle({ gatherMs: 20 });
      relay.reserve(2)?.fill([1, 2]);
      await relay.end(1);
      clock.tick(19);
      await relay.end(2);
      assert.equal(relay.arrivals(), 0);
      clock.tick(1);
      assert.equal(relay.arrivals(), 1);
      await relay.round();
      assert.deepEqual(relay.noted, [[1, 2]]);
    });

    it('tells of no arrival any more once it has settled', async () => {
      const relay = await openIdle({ gatherMs: 20 });
      relay.reserve(1)?.fill([1]);
      await relay.end(1);
      await relay.settle();
      clock.tick(20);
      assert.deepEqual([relay.arrivals(), relay.noted], [0, [[1]]]);
    });

    it('tells of no arrival either that comes while it settles', async () => {
      const relay = await openIdle({ gatherMs: 20 });
      relay.reserve(1)?.fill([1]);
      const settled = relay.settle();
      await relay.end(1);
      await settled;
      clock.tick(20);
      assert.deepEqual([relay.arrivals(), relay.noted], [0, [[1]]]);
    });
  });
});
