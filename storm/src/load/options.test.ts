import assert from 'node:assert/strict';
import { loadLoadOptions } from './options.ts';

describe('the options of a load', () => {
  it('have defaults, which are lower through the gateway', () => {
    assert.deepEqual(loadLoadOptions({}), { viaGateway: false, users: 50, rate: 20, seconds: 30 });
    assert.deepEqual(loadLoadOptions({ VIA: 'gateway' }), { viaGateway: true, users: 10, rate: 4, seconds: 30 });
  });

  it('are limited, and a wrong one is refused in one sentence', () => {
    assert.deepEqual(loadLoadOptions({ USERS: '500', RATE: '1000', SECONDS: '240' }), {
      viaGateway: false,
      users: 500,
      rate: 1_000,
      seconds: 240,
    });
    const wrong: [NodeJS.ProcessEnv, RegExp][] = [
      [{ USERS: '501' }, /^Failure: USERS is "501", but has to be a whole number from 1 to 500\.$/],
      [{ RATE: '1001' }, /^Failure: RATE is "1001", but has to be a whole number from 1 to 1000\.$/],
      [{ SECONDS: '0' }, /^Failure: SECONDS is "0", but has to be a whole number from 1 to 240\.$/],
      [{ VIA: 'gateway', USERS: '51' }, /^Failure: USERS is "51", but has to be a whole number from 1 to 50\.$/],
      [{ VIA: 'proxy' }, /^Failure: VIA is "proxy", but has to be gateway or services\.$/],
    ];
    for (const [variables, sentence] of wrong) assert.throws(() => loadLoadOptions(variables), sentence);
  });
});
