import assert from 'node:assert/strict';
import type { Database, Executor } from 'service-kit';
import sinon from 'sinon';
import { causedBy, changeOf } from '../../test/port-stubs.ts';
import { createStore } from './store.ts';

const context = new AbortController();

/** A database that answers every statement with nothing, and a store on it. */
function openStore(transaction?: Database['transaction']) {
  const log: string[] = [];
  const run = sinon.stub<Parameters<Executor['run']>>().resolves([]);
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
    await store.transaction(async ({ outbox }) => {
      await outbox.add(causedBy(context, changeOf(1, 'new'), changeOf(2, 'failed')));
      await outbox.add(causedBy(context, changeOf(3, 'payed')));
    }, context);
    assert.deepEqual(log, ['committed', 'events']);
  });

  it('does not wake the relay for a transaction that adds no events', async () => {
    const { store, log } = openStore();
    assert.equal(await store.transaction(async () => 'done', context), 'done');
    assert.deepEqual(log, ['committed']);
  });

  it('does not wake the relay for a transaction that is rolled back', async () => {
    const { store, log } = openStore();
    const failure = new Error('changed its mind');
    const work = store.transaction(async ({ outbox }) => {
      await outbox.add(causedBy(context, changeOf(1, 'new')));
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
    await store.transaction(async ({ outbox }) => {
      if (++attempt === 1) await outbox.add(causedBy(context, changeOf(1, 'new')));
    }, context);
    assert.equal(attempt, 2);
    assert.deepEqual(log, []);
  });

  it('writes beside each event which call it comes from, where there is one', async () => {
    const { store, run } = openStore();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const call = { signal: context.signal, requestId: 'a request', traceparent };
    const changes = [...causedBy(call, changeOf(1, 'new')), ...causedBy(context, changeOf(3, 'cancelled'))];
    await store.transaction(({ outbox }) => outbox.add(changes), context);
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
