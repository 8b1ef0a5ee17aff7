import assert from 'node:assert/strict';
import { chooseUrls, loadOptions } from './options.ts';

const mesh = {
  checkout: 'http://127.0.0.1:8080',
  loms: 'http://127.0.0.1:8081',
  products: 'http://127.0.0.1:8083',
  notifications: 'http://127.0.0.1:8082',
};

describe('the options of a storm', () => {
  it('have defaults, and a random seed each time', () => {
    const { seed, ...others } = loadOptions({});
    assert.deepEqual(others, {
      viaGateway: false,
      users: 50,
      seconds: 20,
      rate: 1_000,
      history: undefined,
      paymentTimeoutMs: 600_000,
    });
    assert.notEqual(seed, loadOptions({}).seed);
  });

  it('are read from the environment', () => {
    const given = { USERS: '3', SECONDS: '4', SEED: '0', RATE: '6', HISTORY: 'x', ORDER_PAYMENT_TIMEOUT_MS: '7' };
    const expected = { viaGateway: false, users: 3, seconds: 4, seed: 0, rate: 6, history: 'x', paymentTimeoutMs: 7 };
    assert.deepEqual(loadOptions(given), expected);
  });

  it('allow few users through the gateway, since each of them registers', () => {
    const { viaGateway, users } = loadOptions({ VIA: 'gateway' });
    assert.deepEqual([viaGateway, users], [true, 10]);
    assert.throws(() => loadOptions({ VIA: 'gateway', USERS: '51' }), /^Failure: USERS is "51", but has to be/);
    assert.throws(
      () => loadOptions({ VIA: 'proxy' }),
      /^Failure: VIA is "proxy", but has to be gateway or services\.$/,
    );
  });

  for (const [variable, text] of [
    ['USERS', '501'],
    ['USERS', '0'],
    ['SECONDS', '301'],
    ['SECONDS', 'a minute'],
    ['SEED', '-1'],
    ['RATE', '2001'],
    ['RATE', '1.5'],
  ] as const) {
    it(`refuse ${variable}=${text} in a sentence with the limits`, () => {
      const sentence = new RegExp(`^${variable} is "${text}", but has to be a whole number from \\d+ to \\d+\\.$`);
      assert.throws(() => loadOptions({ [variable]: text }), { name: 'Failure', message: sentence });
    });
  }
});

describe('the URLs of a storm', () => {
  it('are those of the running mesh, unless other addresses of this machine are given', () => {
    assert.deepEqual(chooseUrls({}, mesh), mesh);
    for (const url of [
      'http://localhost:1',
      'http://127.0.0.1:1',
      'http://127.9.9.9:1',
      'http://[::1]:1',
      'http://127.1',
    ]) {
      assert.deepEqual(chooseUrls({ LOMS_URL: url }, mesh), { ...mesh, loms: url });
    }
  });

  for (const host of ['10.0.0.1', 'shop.example', '127.0.0.1.example', 'localhost.example', '[::2]', '0.0.0.0']) {
    it(`never name ${host}`, () => {
      const message = /^CHECKOUT_URL names \S+, but a storm goes to this machine only: .*\.$/;
      assert.throws(() => chooseUrls({ CHECKOUT_URL: `http://${host}:8080` }, mesh), { name: 'Failure', message });
    });
  }

  it('never name a host that only looks like this machine', () => {
    const disguised = 'http://127.0.0.1@shop.example/';
    assert.throws(() => chooseUrls({ LOMS_URL: disguised }, mesh), /LOMS_URL names shop\.example,/);
  });

  for (const text of [
    'https://u:hunter2@127.0.0.1',
    'http://u:hunter2#@127.0.0.1',
    'http://u:1/hunter2@127.0.0.1',
    'http://127.0.0.1/?k#hunter2',
  ]) {
    it(`are refused without printing the secrets of ${text}`, () => {
      assert.throws(
        () => chooseUrls({ CHECKOUT_URL: text }, mesh),
        ({ name, message }) => name === 'Failure' && /^CHECKOUT_URL /.test(message) && !message.includes('hunter2'),
      );
    });
  }

  for (const text of ['https://127.0.0.1:8080', 'localhost:8080', 'nonsense']) {
    it(`is not ${text}, which is no address of plain HTTP`, () => {
      assert.throws(() => chooseUrls({ LOMS_URL: text }, mesh), /^Failure: LOMS_URL is ".*", but has to be/);
    });
  }
});
