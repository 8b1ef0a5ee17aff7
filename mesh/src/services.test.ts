import assert from 'node:assert/strict';
import { DATABASES, perService, serviceEnvironment } from './services.ts';

const surroundings = {
  host: '127.0.0.1',
  port: 1,
  databaseUrl: 'postgres://database',
  access: 'enforce',
  identity: { SERVICE_KEY_FILE: '/own.json', TRUST_FILE: '/trust.json' },
  urls: perService((service) => `http://${service}`),
} as const;

describe('The environment of a service', () => {
  it('contains its address and its database', () => {
    for (const service of DATABASES) {
      const { HOST, PORT, DATABASE_URL } = serviceEnvironment(service, surroundings, {});
      assert.deepEqual([HOST, PORT, DATABASE_URL], ['127.0.0.1', '1', 'postgres://database']);
    }
  });

  it('contains the addresses of the services it calls', () => {
    const checkout = serviceEnvironment('checkout', surroundings, {});
    assert.equal(checkout.LOMS_URL, 'http://loms');
    assert.equal(checkout.PRODUCTS_URL, 'http://products');
    assert.equal(serviceEnvironment('loms', surroundings, {}).NOTIFICATIONS_URL, 'http://notifications');
    const { CHECKOUT_URL, LOMS_URL } = serviceEnvironment('gateway', surroundings, {});
    assert.deepEqual([CHECKOUT_URL, LOMS_URL], ['http://checkout', 'http://loms']);
  });

  it('keeps the address of another product service', () => {
    const checkout = serviceEnvironment('checkout', surroundings, { PRODUCTS_URL: 'http://original' });
    assert.equal(checkout.PRODUCTS_URL, 'http://original');
  });

  it('places the journal of notifications beside the data, unless the caller names a file', () => {
    const own = { ...surroundings, journalFile: '/mesh/journal.jsonl' };
    assert.equal(serviceEnvironment('notifications', own, {}).JOURNAL_FILE, '/mesh/journal.jsonl');
    const given = { JOURNAL_FILE: '/mine.jsonl' };
    assert.equal(serviceEnvironment('notifications', own, given).JOURNAL_FILE, '/mine.jsonl');
    assert.equal(serviceEnvironment('loms', own, {}).JOURNAL_FILE, undefined);
  });

  it('has each leave its profiles beside the data, or where the caller says', () => {
    const own = { ...surroundings, profileDirectory: '/mesh/profiles' };
    assert.equal(serviceEnvironment('loms', own, {}).PROFILE_DIR, '/mesh/profiles');
    assert.equal(serviceEnvironment('loms', own, { PROFILE_DIR: '/mine' }).PROFILE_DIR, '/mine');
  });

  it('gives both ends of a token the same one', () => {
    for (const given of [{}, { PRODUCTS_TOKEN: 'mine' }]) {
      const ends = (['products', 'checkout'] as const).map((name) => serviceEnvironment(name, surroundings, given));
      assert.equal(new Set(ends.map(({ PRODUCTS_TOKEN }) => PRODUCTS_TOKEN)).size, 1);
    }
  });

  it('contains the secret that the keys of accounts and of the gateway are derived from', () => {
    const own = { ...surroundings, secret: 'of this folder' };
    const given = { ACCOUNTS_SECRET: 'foreign', GATEWAY_SECRET: 'foreign' };
    assert.equal(serviceEnvironment('accounts', own, given).ACCOUNTS_SECRET, 'of this folder');
    assert.equal(serviceEnvironment('gateway', own, given).GATEWAY_SECRET, 'of this folder');
  });

  it('names the URL of this gateway as the issuer of tokens on both ends, unless the caller names another', () => {
    const own = { ...surroundings, urls: { ...surroundings.urls, gateway: 'http://127.0.0.1:26000' } };
    const given = { TOKEN_ISSUER: 'https://shop.example', TOKEN_AUDIENCE: 'https://shop.example/v1' };
    for (const service of ['accounts', 'gateway'] as const) {
      const { TOKEN_ISSUER, TOKEN_AUDIENCE } = serviceEnvironment(service, own, {});
      assert.deepEqual([TOKEN_ISSUER, TOKEN_AUDIENCE], ['http://localhost:26000', 'http://localhost:26000/v1']);
      const named = serviceEnvironment(service, own, given);
      assert.deepEqual([named.TOKEN_ISSUER, named.TOKEN_AUDIENCE], [given.TOKEN_ISSUER, given.TOKEN_AUDIENCE]);
    }
  });

  it('lets the variables of the caller through', () => {
    const given = { ORDER_PAYMENT_TIMEOUT_MS: '5000', LOG_LEVEL: 'debug' };
    const environment = serviceEnvironment('loms', surroundings, given);
    assert.equal(environment.ORDER_PAYMENT_TIMEOUT_MS, '5000');
    assert.equal(environment.LOG_LEVEL, 'debug');
  });

  it('contains the faults and limits of its own methods, and those of all services', () => {
    const given = {
      FAULTS: 'loms.createOrder:drop:0.1, checkout.*:delay:0.05:200,seed:7',
      METHOD_LIMITS: 'loms.listOrders:100/s,checkout.purchase:5/min',
    };
    const methodsOf = (service: 'loms' | 'checkout' | 'products', variables: NodeJS.ProcessEnv) => {
      const { FAULTS, METHOD_LIMITS } = serviceEnvironment(service, surroundings, variables);
      return [FAULTS, METHOD_LIMITS];
    };
    assert.deepEqual(methodsOf('loms', given), ['createOrder:drop:0.1,seed:7', 'listOrders:100/s']);
    assert.deepEqual(methodsOf('checkout', given), ['*:delay:0.05:200,seed:7', 'purchase:5/min']);
    assert.deepEqual(methodsOf('products', given), [undefined, undefined]);
    // The service refuses these.
    for (const FAULTS of ['seed:7', 'gateway.x:drop:0.1', 'lom.createOrder:drop:0.1', ' ']) {
      assert.equal(methodsOf('loms', { FAULTS })[0], FAULTS);
    }
  });
});
