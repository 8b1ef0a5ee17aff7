import assert from 'node:assert/strict';
import sinon from 'sinon';
import { createRateCap } from './users.ts';

describe('the rate of a storm', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => clock.restore());

  for (const rate of [1, 7, 150, 1_000, 1_999, 2_000]) {
    it(`of ${rate} calls a second lets as many pass, and no more than a slice above`, async () => {
      const limiter = createRateCap(rate, rate * 2);
      let passed = 0;
      for (let call = 0; call < rate * 2; call++) {
        void limiter.take(new AbortController().signal).then((token) => {
          passed += 1;
          token[Symbol.dispose]();
        });
      }
      await clock.tickAsync(999);
      const slice = Math.ceil(rate / 20);
      assert.ok(passed >= rate * 0.9 && passed <= rate + slice, `${passed} passed`);
    });
  }
});
