import assert from 'node:assert/strict';
import { parseEmail, toEmailKey } from './email.ts';
import { isRefusal } from './refusal.ts';

describe('An e-mail address', () => {
  const addresses = [
    'anna@shop.example',
    'Anna.Smith+orders@mail.shop.example',
    "o'neil@xn--80ak6aa92e.com",
    'анна@почта.рф',
    `${'a'.repeat(64)}@shop.example`,
  ];
  for (const text of addresses) {
    it(`may be ${text}`, () => {
      assert.equal(parseEmail(text).email, text);
    });
  }

  const others = [
    'anna',
    'anna@',
    '@shop.example',
    'anna@localhost',
    'anna@shop..example',
    'anna@-shop.example',
    'anna@shop-.example',
    'anna@192.0.2.7',
    '.anna@shop.example',
    'anna.@shop.example',
    'an..na@shop.example',
    'an na@shop.example',
    ' anna@shop.example',
    'anna@shop.example\n',
    'anna@shop.example,bert@shop.example',
    'Anna <anna@shop.example>',
    '"anna"@shop.example',
    'anna@shop@example.com',
    `${'a'.repeat(65)}@shop.example`,
    `anna@${'a'.repeat(64)}.example`,
    'anna\u200b@shop.example',
    // 233 characters, but 450 in NFC.
    `anna@${`${'\u0958'.repeat(31)}.`.repeat(7)}example`,
  ];
  for (const text of others) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseEmail(text),
        (error) => isRefusal(error, 'email_invalid'),
      );
    });
  }

  it('is kept in NFC, as its owner writes it otherwise', () => {
    assert.equal(parseEmail('Jose\u0301@Shop.Example').email, 'Jos\u00e9@Shop.Example');
  });

  const spellings = [
    ['anna@shop.example', 'ANNA@Shop.EXAMPLE'],
    ['josé@shop.example', 'JOSE\u0301@shop.example'],
    ['straße@shop.example', 'STRASSE@shop.example'],
    ['straße@shop.example', 'STRAẞE@shop.example'],
    ['οδυσσεύς@shop.example', 'ΟΔΥΣΣΕΎΣ@shop.example'],
    ['ﬁona@shop.example', 'FIONA@shop.example'],
  ] as const;
  for (const [one, other] of spellings) {
    it(`is one address in two spellings: ${one}, ${other}`, () => {
      assert.equal(toEmailKey(one), toEmailKey(other));
    });
  }
});
