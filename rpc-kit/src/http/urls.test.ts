import assert from 'node:assert/strict';
import { canonicalHost, canonicalOrigin, hideUrlSecrets, parseHttpUrl, parseUrl } from './urls.ts';

const SECRET = 'hunter2';

describe('a URL that is given', () => {
  const basic = (userinfo: string): string => `Basic ${Buffer.from(userinfo).toString('base64')}`;
  const accepted: Record<string, Partial<ReturnType<typeof parseHttpUrl>>> = {
    'http://host': { origin: 'http://host', pathname: '/', search: '', authorization: undefined },
    'https://host:8443/base/?x=1&y': { origin: 'https://host:8443', pathname: '/base/', search: '?x=1&y' },
    'HTTP://Host/Base': { origin: 'http://host', pathname: '/Base' },
    'http://host//': { pathname: '//' },
    'http://[::1]:8080/x': { origin: 'http://[::1]:8080' },
    'http://bücher.example': { origin: 'http://xn--bcher-kva.example' },
    'http://u:p@host': { origin: 'http://host', authorization: basic('u:p') },
    'http://u@host': { authorization: basic('u:') },
    'http://u:@host': { authorization: basic('u:') },
    'http://:p@host': { authorization: basic(':p') },
    'http://u:a:b@host': { authorization: basic('u:a:b') },
    'http://u:a@b@host': { authorization: basic('u:a@b') },
    'http://u:p%40%3A%2F%3F%23%25@host': { authorization: basic('u:p@:/?#%') },
    'http://%D0%BA:%D1%87@host': { authorization: basic('к:ч') },
    'http://к:ч@host': { authorization: basic('к:ч') },
    'http://@host': { authorization: undefined },
  };
  for (const [text, expected] of Object.entries(accepted)) {
    it(`is read whole: ${text}`, () => {
      assert.partialDeepStrictEqual({ ...parseHttpUrl(text) }, expected);
    });
  }

  const refused: Record<string, RegExp> = {
    '': /has to be a URL like/,
    'host:8080': /has to be a URL like/,
    'ftp://host': /has to be a URL like/,
    'ftp://host:24999': /has to be a URL like/,
    'dns+http://host': /has to be a URL like/,
    'http:host': /has to be a URL like/,
    'http:/host': /has to be a URL like/,
    'http:\\\\host': /has to be a URL like/,
    'http://': /has to be a URL like/,
    'http:///path': /has to be a URL like/,
    [`http://u:${SECRET}@`]: /has to be a URL like/,
    ' http://host': /has to be a URL like/,
    'http://host\n': /has to be a URL like/,
    'http://ho st': /has to be a URL like/,
    'http://host/a"b': /has to be a URL like/,
    'http://[::1': /has to be a URL like/,
    'http://a;http://b': /its host has to be/,
    'http://a..b': /its host has to be/,
    [`http://${'a'.repeat(64)}`]: /its host has to be/,
    'http://host:': /its port has to be from 1 to 65535/,
    'http://host:0': /its port has to be from 1 to 65535/,
    'http://host:99999': /its port has to be from 1 to 65535/,
    'http://host/#': /stands behind a #/,
    [`http://host/?x=1#${SECRET}`]: /stands behind a #/,
    [`http://u:12/${SECRET}@host`]: /an @ stands behind the host/,
    [`http://u?${SECRET}@host`]: /an @ stands behind the host/,
    [`http://u:1#${SECRET}@host`]: /an @ stands behind the host/,
    [`http://u:${SECRET}/@host`]: /has to be a URL like/,
    [`http://u:${SECRET}%@host`]: /no percent-encoded UTF-8/,
    [`http://u:${SECRET}%ff@host`]: /no percent-encoded UTF-8/,
    [`http://a%3Ab:${SECRET}@host`]: /holds a colon/,
    [`http://u:${SECRET}%0d%0a@host`]: /holds a control character/,
  };
  for (const [text, reason] of Object.entries(refused)) {
    it(`is refused without a word of it: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseHttpUrl(text),
        (error) => {
          assert.ok(error instanceof TypeError);
          assert.match(error.message, reason);
          assert.doesNotMatch(JSON.stringify(Object.getOwnPropertyDescriptors(error)), new RegExp(SECRET));
          return true;
        },
      );
    });
  }

  it('may be of another protocol', () => {
    const parse = (text: string) => parseUrl(text, /^postgres:$/, 'postgres://host').host;
    assert.equal(parse('postgres://u:p@host:5432/d?sslmode=require'), 'host:5432');
    assert.throws(() => parse('http://host'), /a URL like postgres:\/\/host;/);
  });
});

describe('a URL that is shown', () => {
  const shown: Record<string, string> = {
    'http://host:1/base': 'http://host:1/base',
    [`http://u:${SECRET}@host:1/base?key=${SECRET}#${SECRET}`]: 'http://host:1/base',
    [`http://${SECRET}@host`]: 'http://host',
    [`http://u:${SECRET}@x@host`]: 'http://host',
    [`http://u:'${SECRET}@host`]: 'http://host',
    [`dns+http://u:${SECRET}@host`]: 'dns+http://host',
    [`http://u:${SECRET}@one,http://u:${SECRET}@two/?k=${SECRET}`]: 'http://one,http://two/',
    [`no answer from https://u:${SECRET}@host/x?k=${SECRET} in time`]: 'no answer from https://host/x in time',
    [`{"url":"http://u:${SECRET}@host/?k=${SECRET}","mail":"a@b"}`]: '{"url":"http://host/","mail":"a@b"}',
    'file:///node_modules/@scope/a.ts:1:2': 'file:///node_modules/@scope/a.ts:1:2',
    'a@b?c#d': 'a@b?c#d',
  };
  for (const [text, expected] of Object.entries(shown)) {
    it(`has no secret left in it: ${text}`, () => {
      assert.equal(hideUrlSecrets(text), expected);
    });
  }
});

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
