import assert from 'node:assert/strict';
import { canonicalHost, canonicalOrigin } from './origin.ts';

describe('an origin', () => {
  it('has one spelling, whatever its case, default port and alphabet', () => {
    for (const text of [
      'https://shop.example',
      'HTTPS://Shop.Example',
      'https://shop.example:443',
      'https://shop.example:',
    ]) {
      assert.equal(canonicalOrigin(text), 'https://shop.example', text);
    }
    assert.equal(canonicalOrigin('https://пример.example:8443'), 'https://xn--e1afmkfd.example:8443');
    assert.equal(canonicalOrigin('http://[0:0:0:0:0:0:0:1]:8080'), 'http://[::1]:8080');
  });

  it('differs by its scheme, its port and its final dot', () => {
    const different = ['https://a.example', 'http://a.example', 'http://a.example:443', 'https://a.example.'];
    assert.equal(new Set(different.map(canonicalOrigin)).size, different.length);
  });

  const wrong = [
    '',
    'null',
    '*',
    'a.example',
    'localhost:80',
    'ftp://a.example',
    'file://',
    'https://',
    'https://*.example',
  ];
  const longer = [
    'https://a.example/',
    'https://a.example?x',
    'https://a.example#x',
    'https://u@a.example',
    'https://a\\b',
  ];
  const several = [
    'https://a.example https://b.example',
    'https://a.example,https://b.example',
    'https://a.example, null',
  ];
  for (const text of [...wrong, ...longer, ...several, 'https://a.example:99999', 'https://a..b', 'https://a\tb']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.equal(canonicalOrigin(text), undefined);
    });
  }
});

describe('a host', () => {
  it('has one spelling, for every port or for one', () => {
    assert.equal(canonicalHost('Shop.Example.'), 'shop.example');
    assert.equal(canonicalHost('shop.example:8443'), 'shop.example:8443');
    assert.equal(canonicalHost('shop.example:80'), 'shop.example:80');
    assert.equal(canonicalHost('::1'), '[::1]');
    assert.equal(canonicalHost('[0:0:0:0:0:0:0:1]:8080'), '[::1]:8080');
  });

  const wrong = [
    '',
    '*',
    '*.example',
    '.example',
    'a..b',
    'a b',
    'a,b',
    'a/b',
    'u@a',
    'a:99999',
    'http://a',
    'fe80::1%eth0',
  ];
  for (const text of wrong) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.equal(canonicalHost(text), undefined);
    });
  }
});
