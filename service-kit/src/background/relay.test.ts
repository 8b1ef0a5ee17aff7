import assert from 'node:assert/strict';
import { createRelay } from './relay.ts';

/** A relay over a list of items, whose deliveries end when the test says so. */
function openRelay({ items, inFlightMax }: { readonly items: number[]; readonly inFlightMax: number }) {
  const queued = [...items];
  const inFlight = new Map<number, PromiseWithResolvers<number | undefined>>();
  const advances: { readonly receipts: readonly number[]; readonly limit: number }[] = [];
  const queue = { failWith: undefined as Error | undefined };
  let wakes = 0;
  const relay = createRelay<number, number>({
    inFlightMax,
    async advance(receipts, limit) {
      advances.push({ receipts, limit });
      if (queue.failWith) throw queue.failWith;
      const claimed = queued.splice(0, limit);
      return { items: claimed, more: limit > 0 && claimed.length === limit };
    },
    deliver(item) {
      const delivery = Promise.withResolvers<number | undefined>();
      inFlight.set(item, delivery);
      return delivery.promise;
    },
    onDelivered: () => void wakes++,
  });
  const { signal } = new AbortController();
  return {
    round: () => relay.round(signal),
    settle: () => relay.settle(signal),
    inFlight,
    advances,
    queue,
    wakes: () => wakes,
    async end(item: number, receipt: number | undefined = item) {
      inFlight.get(item)?.resolve(receipt);
      await new Promise(setImmediate);
    },
    async fail(item: number, error: Error) {
      inFlight.get(item)?.reject(error);
      await new Promise(setImmediate);
    },
  };
}

const receiptsOf = ({ advances }: ReturnType<typeof openRelay>) => advances.map(({ receipts }) => receipts);
const limitsOf = ({ advances }: ReturnType<typeof openRelay>) => advances.map(({ limit }) => limit);

describe('createRelay', () => {
  it('goes on with other items while a delivery takes its time', async () => {
    const relay = openRelay({ items: [1, 2, 3], inFlightMax: 2 });
    assert.equal(await relay.round(), true);
    await relay.end(2);
    assert.equal(relay.wakes(), 1);
    await relay.round();
    assert.deepEqual([...relay.inFlight.keys()], [1, 2, 3]);
    assert.deepEqual(receiptsOf(relay), [[], [2]]);
  });

  it('claims no more than may be in flight, and nothing while all of it is', async () => {
    const relay = openRelay({ items: [1, 2, 3], inFlightMax: 2 });
    await relay.round();
    assert.equal(await relay.round(), false);
    await relay.end(1);
    await relay.round();
    assert.deepEqual(limitsOf(relay), [2, 1]);
  });

  it('acknowledges in one step with the next claim what was delivered meanwhile', async () => {
    const relay = openRelay({ items: [1, 2, 3], inFlightMax: 3 });
    await relay.round();
    for (const item of [3, 1]) await relay.end(item);
    assert.equal(await relay.round(), false);
    assert.deepEqual(receiptsOf(relay), [[], [3, 1]]);
  });

  it('acknowledges nothing of a delivery without a receipt, and has room again', async () => {
    const relay = openRelay({ items: [1], inFlightMax: 1 });
    await relay.round();
    relay.inFlight.get(1)?.resolve(undefined);
    await new Promise(setImmediate);
    await relay.round();
    assert.deepEqual(relay.advances.at(-1), { receipts: [], limit: 1 });
  });

  it('keeps receipts that could not be acknowledged for a later round', async () => {
    const relay = openRelay({ items: [1, 2], inFlightMax: 2 });
    await relay.round();
    await relay.end(1);
    relay.queue.failWith = new Error('the database went away');
    await assert.rejects(relay.round(), relay.queue.failWith);
    await relay.end(2);
    relay.queue.failWith = undefined;
    await relay.round();
    assert.deepEqual(receiptsOf(relay).at(-1), [1, 2]);
  });

  it('fails the next round with a failure that a delivery did not deal with', async () => {
    const relay = openRelay({ items: [1], inFlightMax: 1 });
    await relay.round();
    const failure = new Error('not foreseen');
    await relay.fail(1, failure);
    await assert.rejects(relay.round(), failure);
    await relay.round();
    assert.deepEqual(relay.advances.at(-1), { receipts: [], limit: 1 });
  });

  it('waits at its end for deliveries in flight, and acknowledges them without a claim', async () => {
    const relay = openRelay({ items: [1, 2], inFlightMax: 1 });
    await relay.round();
    const settled = relay.settle();
    await relay.end(1);
    await settled;
    assert.deepEqual(relay.advances.at(-1), { receipts: [1], limit: 0 });
    assert.deepEqual([...relay.inFlight.keys()], [1]);
  });

  it('has nothing to acknowledge at its end where nothing was delivered', async () => {
    const relay = openRelay({ items: [], inFlightMax: 1 });
    await relay.settle();
    assert.deepEqual(relay.advances, []);
  });
});
