import assert from 'node:assert/strict';
import { z } from 'zod';
import { ConfigError, loadConfig, variable } from './config.ts';

describe('The variable for the endpoints of a service', () => {
  const load = (LOMS_URL: string) => loadConfig(z.object({ LOMS_URL: variable.httpUrls() }), { LOMS_URL }).LOMS_URL;

  it('takes several by commas', () => {
    assert.deepEqual(load('http://a:1, https://b'), ['http://a:1', 'https://b']);
  });

  it('takes a name whose addresses are to be looked up', () => {
    assert.deepEqual(load('dns+http://loms:8081'), ['dns+http://loms:8081']);
  });

  it('refuses such a name beside others', () => {
    assert.throws(() => load('dns+http://loms:8081,http://b'), {
      name: 'ConfigError',
      message: /LOMS_URL is wrong: a dns\+http URL has to stand alone/,
    });
  });

  for (const url of ['dns+https://loms', 'ftp://loms', 'loms:8081', 'dns+http://']) {
    it(`refuses ${url}`, () => {
      assert.throws(() => load(url), ConfigError);
    });
  }
});
