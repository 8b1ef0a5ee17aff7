import assert from 'node:assert/strict';
import { pino } from 'pino';
import sinon, { type SinonStub } from 'sinon';
import { DatabaseUnavailable } from '../database/database-errors.ts';
import type { Statement } from '../database/statement.ts';
import { createSharedTokenBucket } from './shared-token-bucket.ts';

/** What needs no database; what it does with one is in test/shared-token-bucket.test.ts. */
describe('a shared token bucket', () => {
  const free = (number: number) => [{ number, grants: 1n, known: 2, back_in_ms: 0 }];
  const noneFor = (ms: number) => [{ number: null, grants: null, known: 2, back_in_ms: ms }];
  const logger = pino({ level: 'silent' });
  let clock: sinon.SinonFakeTimers;
  let run: SinonStub<[string, Statement], Promise<never>>;
  beforeEach(() => {
    clock = sinon.useFakeTimers();
    run = sinon.stub<[string, Statement], Promise<never>>().resolves([] as never);
  });
  afterEach(() => {
    sinon.restore();
    clock.restore();
  });

  const open = () =>
    createSharedTokenBucket({ database: { run }, name: 'n', tokens: 2, intervalMs: 1_000, waitersMax: 5, logger });
  const asks = () => run.withArgs('take token');
  const givenBack = () => run.getCalls().filter(({ args }) => args[0] === 'give token back');

  it('asks again when the next token is back, and once for all who wait', async () => {
    asks()
      .onCall(0)
      .resolves(noneFor(400.2) as never);
    asks()
      .onCall(1)
      .resolves(free(1) as never);
    asks()
      .onCall(2)
      .resolves(free(2) as never);
    const bucket = open();
    const takes = [bucket.take(), bucket.take()];
    await clock.tickAsync(400);
    assert.equal(asks().callCount, 1);
    await clock.tickAsync(12);
    await Promise.all(takes);
    assert.equal(asks().callCount, 3);
  });

  it('asks again after an interval at the latest, however long the leases are', async () => {
    asks()
      .onCall(0)
      .resolves(noneFor(6_000) as never);
    asks()
      .onCall(1)
      .resolves(free(1) as never);
    const take = open().take();
    await clock.tickAsync(1_010);
    await take;
  });

  it('rests a little also where a token is just being taken by another', async () => {
    asks().resolves(noneFor(-1) as never);
    const caller = new AbortController();
    const take = open().take(caller.signal);
    await clock.tickAsync(1_000);
    assert(asks().callCount <= 200, `${asks().callCount} questions in a second`);
    caller.abort();
    await assert.rejects(take, { code: 'cancelled' });
  });

  it('makes the tokens where there are none', async () => {
    asks()
      .onCall(0)
      .resolves([{ number: null, grants: null, known: 0, back_in_ms: null }] as never);
    asks()
      .onCall(1)
      .resolves(free(1) as never);
    await open().take();
    assert.deepEqual(
      run.getCalls().map(({ args }) => args[0]),
      ['take token', 'make tokens', 'take token'],
    );
  });

  it('gives a token back once', async () => {
    asks().resolves(free(1) as never);
    const token = await open().take();
    token[Symbol.dispose]();
    token[Symbol.dispose]();
    assert.equal(givenBack().length, 1);
  });

  it('notes in the log when a token could not be given back, and fails nobody', async () => {
    const warn = sinon.stub(logger, 'warn');
    asks().resolves(free(1) as never);
    run.withArgs('give token back').rejects(new DatabaseUnavailable('away'));
    (await open().take())[Symbol.dispose]();
    await clock.tickAsync(0);
    assert.equal(warn.callCount, 1);
  });

  it('does not ask for a caller who has left already', async () => {
    await assert.rejects(open().take(AbortSignal.abort()), { code: 'cancelled' });
    assert.equal(run.callCount, 0);
  });

  it('fails all who wait when the database is slow to answer, and gives back what it answers later', async () => {
    const answer = Promise.withResolvers<never>();
    asks().onCall(0).returns(answer.promise);
    asks()
      .onCall(1)
      .resolves(free(2) as never);
    const bucket = open();
    const takes = Promise.allSettled([bucket.take(), bucket.take()]);
    await clock.tickAsync(2_000);
    for (const take of await takes) assert(take.status === 'rejected' && take.reason instanceof DatabaseUnavailable);
    await bucket.take();
    answer.resolve(free(1) as never);
    await clock.tickAsync(0);
    assert.equal(givenBack().length, 1);
  });

  it('asks anew after a failure', async () => {
    asks().onCall(0).rejects(new DatabaseUnavailable('away'));
    asks()
      .onCall(1)
      .resolves(free(1) as never);
    const bucket = open();
    await assert.rejects(bucket.take(), DatabaseUnavailable);
    await bucket.take();
  });
});
