import assert from 'node:assert/strict';
import { z } from 'zod';
import { ConfigError, loadConfig } from './config.ts';
import { variable } from './variables.ts';

describe('The variables for hosts and origins', () => {
  const schema = z.object({
    ALLOWED_HOSTS: variable.hosts().optional(),
    ALLOWED_ORIGINS: variable.origins().optional(),
  });

  it('hold several values, separated by commas, in one spelling', () => {
    const environment = {
      ALLOWED_HOSTS: 'Shop.example, [::1]:8443',
      ALLOWED_ORIGINS: 'https://Shop.example:443,http://a:1',
    };
    assert.deepEqual(loadConfig(schema, environment), {
      ALLOWED_HOSTS: ['shop.example', '[::1]:8443'],
      ALLOWED_ORIGINS: ['https://shop.example', 'http://a:1'],
    });
    assert.deepEqual(loadConfig(schema, { ALLOWED_HOSTS: '', ALLOWED_ORIGINS: '' }), {});
  });

  it('show no password that was entered by mistake', () => {
    const environment = { ALLOWED_HOSTS: 'u:pass/word@a', ALLOWED_ORIGINS: 'https://u:pass/word@a' };
    assert.throws(
      () => loadConfig(schema, environment),
      (error: Error) => !/pass|word/.test(error.message),
    );
  });

  const wrong = {
    ALLOWED_HOSTS: ['*', '*.example', ' ', 'a,', 'a b', 'http://a', 'a/b', 'u:p@a', 'a:99999'],
    ALLOWED_ORIGINS: [
      '*',
      'null',
      ' ',
      'https://a,',
      'a.example',
      'https://a/',
      'https://u:p@a',
      'https://a b',
      'ftp://a',
    ],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      it(`refuse ${name}="${value}" and say what is wrong`, () => {
        assert.throws(() => loadConfig(schema, { [name]: value }), {
          name: 'ConfigError',
          message: new RegExp(`^${name} is wrong: it (is ".*", but )?has to be (names|origins) as `),
        });
      });
    }
  }
});

describe('The variable for the endpoints of a service', () => {
  const load = (LOMS_URL: string) => loadConfig(z.object({ LOMS_URL: variable.peerUrls() }), { LOMS_URL }).LOMS_URL;

  it('accepts several, separated by commas', () => {
    assert.deepEqual(load('http://a:1, https://b'), ['http://a:1', 'https://b']);
  });

  it('accepts a name whose addresses are resolved by DNS', () => {
    for (const url of [
      'dns+http://loms:8081',
      'dns+https://loms:8081',
      'dns+grpc://loms:9081',
      'dns+grpcs://loms:9081',
    ])
      assert.deepEqual(load(url), [url]);
  });

  it('refuses a dns+http URL beside others', () => {
    assert.throws(() => load('dns+http://loms:8081,http://b'), {
      name: 'ConfigError',
      message: /LOMS_URL is wrong: a URL with dns\+ has to stand alone/,
    });
  });

  for (const url of [
    'dns+ftp://loms',
    'grpc://loms',
    'grpc://loms:9081/base',
    'dns+grpc://loms:9081?x=1',
    'ftp://loms',
    'loms:8081',
    'dns+http://',
  ]) {
    it(`refuses ${url}`, () => {
      assert.throws(() => load(url), ConfigError);
    });
  }
});
