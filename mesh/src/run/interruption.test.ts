import assert from 'node:assert/strict';
import { useFakeTimers } from 'sinon';
import { awaitHangUp } from './interruption.ts';

describe('The hang-up of a terminal', () => {
  it('is detected within a second, also without a signal', async () => {
    const clock = useFakeTimers();
    try {
      let open = true;
      let noticed = false;
      void awaitHangUp(() => open).then(() => {
        noticed = true;
      });
      await clock.tickAsync(10_000);
      assert.equal(noticed, false);
      open = false;
      await clock.tickAsync(1_000);
      assert.equal(noticed, true);
    } finally {
      clock.restore();
    }
  });

  it('is not waited for where the output is no terminal', () => {
    const clock = useFakeTimers();
    try {
      void awaitHangUp(() => false);
      assert.equal(clock.countTimers(), 0);
    } finally {
      clock.restore();
    }
  });
});
