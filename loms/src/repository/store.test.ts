import assert from 'node:assert/strict';
import type { Database, Executor } from 'service-kit';
import sinon from 'sinon';
import { createStore } from './store.ts';

const context = new AbortController();
const CALL = { orderID: 1n, context };
const ROW = { order_id: 1n, user_id: 1n, status: 'payed', seq: 3, changed_at: new Date() };

/** A database that answers every statement with one settled order, and a store on it. */
function openStore(transaction?: Database['transaction']) {
  const log: string[] = [];
  const run = sinon.stub<Parameters<Executor['run']>>().resolves([ROW]);
  const executor = { run } as unknown as Executor;
  const database = {
    transaction: sinon.spy(
      transaction ??
        (async (work: (executor: Executor) => Promise<unknown>) => {
          const result = await work(executor);
          log.push('committed');
          return result;
        }),
    ),
  };
  const onEvents = (): void => void log.push('events');
  const store = createStore(database as unknown as Database, { paymentTimeoutMs: 1, onEvents });
  return { store, database, log, executor, run };
}

describe('The store', () => {
  it('wakes the relay once, after the commit of a transaction that added events', async () => {
    const { store, log } = openStore();
    await store.transaction(async ({ orders }) => {
      await orders.settle([CALL], 'payed');
      await orders.settle([CALL], 'payed');
    }, context);
    assert.deepEqual(log, ['committed', 'events']);
  });

  it('does not wake the relay for a transaction that adds no events', async () => {
    const { store, log, run } = openStore();
    run.resolves([]);
    await store.transaction(({ orders }) => orders.settle([CALL], 'payed'), context);
    assert.deepEqual(log, ['committed']);
  });

  it('does not wake the relay for a transaction that is rolled back', async () => {
    const { store, log } = openStore();
    const failure = new Error('changed its mind');
    const work = store.transaction(async ({ orders }) => {
      await orders.settle([CALL], 'payed');
      throw failure;
    }, context);
    await assert.rejects(work, failure);
    assert.deepEqual(log, []);
  });

  it('does not wake the relay for an attempt that lost a race', async () => {
    const { store, log, executor } = openStore(async (work) => {
      await work(executor);
      return work(executor);
    });
    let attempt = 0;
    await store.transaction(async ({ orders }) => {
      if (++attempt === 1) await orders.settle([CALL], 'payed');
    }, context);
    assert.equal(attempt, 2);
    assert.deepEqual(log, []);
  });

  it('writes beside each event which call it comes from, where there is one', async () => {
    const { store, run } = openStore();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const call = { signal: context.signal, requestId: 'a request', traceparent };
    const calls = [{ orderID: 1n, context: call }, CALL];
    await store.transaction(({ orders }) => orders.settle(calls, 'payed'), context);
    const [values = []] = run.args.map(([, statement]) => statement.toParam().values as unknown[][]);
    for (const ofCall of ['a request', traceparent]) {
      assert.deepEqual(
        values.find((column) => column.includes(ofCall)),
        [ofCall, null],
      );
    }
  });

  it('runs the transaction in the scope of its caller', async () => {
    const { store, database } = openStore();
    await store.transaction(async () => {}, context);
    assert.equal(database.transaction.firstCall.args[1]?.signal, context.signal);
  });
});
