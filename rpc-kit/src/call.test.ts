import assert from 'node:assert/strict';
import { compose, type Interceptor } from './call.ts';
import { testCall } from './testing.ts';

describe('interceptors', () => {
  const log: string[] = [];
  const noted =
    (name: string): Interceptor =>
    (next) =>
    async (call) => {
      log.push(`${name} before`);
      try {
        return await next(call);
      } finally {
        log.push(`${name} after`);
      }
    };
  beforeEach(() => {
    log.length = 0;
  });

  it('wrap the last step, the first of them outermost', async () => {
    const chain = compose([noted('first'), noted('second'), noted('third')], async () => {
      log.push('last step');
      return 'result';
    });
    assert.equal(await chain(testCall()), 'result');
    assert.deepEqual(log, [
      'first before',
      'second before',
      'third before',
      'last step',
      'third after',
      'second after',
      'first after',
    ]);
  });

  it('hear of a failure from the inside out', async () => {
    const failure = new Error('no');
    const chain = compose([noted('first'), noted('second')], () => Promise.reject(failure));
    await assert.rejects(chain(testCall()), failure);
    assert.deepEqual(log, ['first before', 'second before', 'second after', 'first after']);
  });

  it('may answer themselves, change the call, and call on more than once', async () => {
    const answering: Interceptor = () => async () => 'cached';
    const renaming: Interceptor = (next) => (call) => next({ ...call, method: 'renamed' });
    const twice: Interceptor = (next) => async (call) => [await next(call), await next(call)];
    const methodOf = compose([twice, renaming], async ({ method }) => method);
    assert.deepEqual(await methodOf(testCall({ method: 'first' })), ['renamed', 'renamed']);
    assert.equal(await compose([answering, noted('never reached')], async () => 'fresh')(testCall()), 'cached');
    assert.deepEqual(log, []);
  });

  it('are put together once and not for each call', async () => {
    let built = 0;
    const counting: Interceptor = (next) => {
      built += 1;
      return next;
    };
    const chain = compose([counting], async () => 'result');
    await chain(testCall());
    await chain(testCall());
    assert.equal(built, 1);
  });

  it('may be none', async () => {
    assert.equal(await compose([], async () => 'result')(testCall()), 'result');
  });
});
