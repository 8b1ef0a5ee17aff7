import assert from 'node:assert/strict';
import { createRelay } from './relay.ts';

/** A relay over a list of items, whose deliveries end when the test says so. */
function openRelay({ items, inHandMax }: { items: number[]; inHandMax: number }) {
  const waiting = [...items];
  const underWay = new Map<number, (arrived: boolean) => void>();
  const broken = new Map<number, (error: Error) => void>();
  const noted: (readonly number[])[] = [];
  const notes: { failWith: Error | undefined } = { failWith: undefined };
  let arrivals = 0;
  const claimed: number[] = [];
  const relay = createRelay<number>({
    inHandMax,
    async claim(limit) {
      claimed.push(limit);
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
    },
    onArrival: () => void arrivals++,
  });
  const { signal } = new AbortController();
  return {
    round: () => relay.round(signal),
    settle: () => relay.settle(),
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
});
