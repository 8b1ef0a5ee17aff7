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

  it('queries again when the next token is free, and once for all waiters', async () => {
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

  it('queries again after an interval at the latest, however long the leases are', async () => {
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

  it('pauses briefly while another replica claims the free token', async () => {
    asks().resolves(noneFor(-1) as never);
    const caller = new AbortController();
    const take = open().take(caller.signal);
    await clock.tickAsync(1_000);
    assert(asks().callCount <= 200, `${asks().callCount} questions in a second`);
    caller.abort();
    await assert.rejects(take, { code: 'cancelled' });
  });

  it('creates missing tokens', async () => {
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

  it('releases a token once', async () => {
    asks().resolves(free(1) as never);
    const token = await open().take();
    token[Symbol.dispose]();
    token[Symbol.dispose]();
    assert.equal(givenBack().length, 1);
  });

  it('logs a failed release, and fails no call', async () => {
    const warn = sinon.stub(logger, 'warn');
    asks().resolves(free(1) as never);
    run.withArgs('give token back').rejects(new DatabaseUnavailable('away'));
    (await open().take())[Symbol.dispose]();
    await clock.tickAsync(0);
    assert.equal(warn.callCount, 1);
  });

  it('sends no query for a caller that has already left', async () => {
    await assert.rejects(open().take(AbortSignal.abort()), { code: 'cancelled' });
    assert.equal(run.callCount, 0);
  });

  it('fails all waiters when the database is slow, and releases a token that is claimed later', async () => {
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

  it('queries again after a failure', async () => {
    asks().onCall(0).rejects(new DatabaseUnavailable('away'));
    asks()
      .onCall(1)
      .resolves(free(1) as never);
    const bucket = open();
    await assert.rejects(bucket.take(), DatabaseUnavailable);
    await bucket.take();
  });
});
