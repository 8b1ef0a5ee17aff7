import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromWireInteger, isRawNumber, parseJson, rawNumber, stringifyJson, toWireInteger } from './json.ts';
import { surveyJson } from './json-survey.ts';

/** A number as JSON can spell it. */
const numberText = fc
  .tuple(
    fc.boolean(),
    fc.bigInt({ min: 0n, max: 10n ** 40n - 1n }),
    fc.option(fc.stringMatching(/^[0-9]{1,30}$/), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.nat(400)), { nil: undefined }),
  )
  .map(([negative, whole, fraction, exponent]) =>
    [negative ? '-' : '', whole, fraction === undefined ? '' : `.${fraction}`, exponent?.join('') ?? ''].join(''),
  );

/** The value behind a spelling, as digits and a power of ten: the same for every spelling of it. */
function valueBehind(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? assert.fail(text);
  const digits = BigInt(whole + fraction).toString();
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** As a service sends a number back that it was sent. */
const again = (text: string): string => {
  const value = parseJson(text);
  return typeof value === 'bigint' ? value.toString() : stringifyJson(value);
};

describe('JSON without loss', () => {
  it('keeps the value of every number that JSON can spell', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        assert.equal(valueBehind(again(text)), valueBehind(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps every whole number digit for digit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), (whole) => {
        assert.equal(again(whole.toString()), whole.toString());
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps numbers at every place', () => {
    fc.assert(
      fc.property(fc.array(numberText, { maxLength: 5 }), (numbers) => {
        const value = parseJson(`{"a":[${numbers.join(',')}]}`) as { a: unknown[] };
        for (const [index, text] of numbers.entries()) {
          assert.deepEqual(value.a[index], parseJson(text));
        }
      }),
    );
  });

  it('is like JSON.parse for all that a double holds', () => {
    const number = fc.oneof(fc.maxSafeInteger(), fc.double({ noInteger: true, noNaN: true, noDefaultInfinity: true }));
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        number,
        fc.string(),
        fc.boolean(),
        fc.array(tie('tree')),
        fc.dictionary(fc.string(), tie('tree')),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const text = JSON.stringify(value);
        assert.deepEqual(parseJson(text), JSON.parse(text));
      }),
    );
  });

  it('gives a number where that is exact, a bigint for larger whole numbers, and the text for others', () => {
    for (const text of ['0', '-1', '1.5', '1e2', '1.0', '9007199254740991', '0.1', '1E-7', '5e-324', '1.10']) {
      assert.equal(parseJson(text), Number(text), text);
    }
    for (const text of ['9007199254740992', '-9007199254740993', '12345678901234567890']) {
      assert.equal(parseJson(text), BigInt(text), text);
    }
    for (const text of ['1e400', '-1e400', '1e-400', '9007199254740993.5', '0.1234567890123456789', '9'.repeat(101)]) {
      const value = parseJson(text);
      assert.ok(isRawNumber(value), text);
      assert.equal(value.rawJSON, text);
    }
  });

  it('judges a number by its value, however it is spelled', () => {
    const spellings: [bigint | number, string[]][] = [
      [10n ** 18n, ['1e18', '1E+18', '1000000000000000000.0', '0.1e19', '10000000000000000000e-1', '1.000e018']],
      [10n ** 16n, ['1e16', '10000000000000000', '100e14', '1e0000000000000016']],
      [1234567890123456789n, ['12345678901234567890e-1', '1234567890123456789.000', '0.1234567890123456789e19']],
      [15, ['1.5e1', '150e-1', '15.00000000000000000000', `15${'0'.repeat(200)}e-200`]],
      [1, ['10e-1', `1${'0'.repeat(1_000)}e-1000`, `0.${'0'.repeat(1_000)}1e1001`]],
      [0, ['0.0', '0e999999999', '0.00000000000000000000', '0E-999999999', `0e${'9'.repeat(400)}`]],
      [0.1, ['1e-1', '0.10000000000000000000', '0.0000000000000000000000000000001e30']],
    ];
    for (const [value, texts] of spellings) {
      for (const text of texts) {
        assert.equal(parseJson(text), value, text);
        assert.deepEqual(parseJson(`{"a":[-${text}]}`), { a: [-value] }, `-${text}`);
      }
    }
    assert.ok(Object.is(parseJson('-0.0000000000000000'), -0));
  });

  it('distinguishes numbers from their placeholders while the text is parsed', () => {
    const numbers = ['1e300', '-1e300', '2e300', '1e301', '1.5', '12345678901234567890', '1e18', '-1e18', '300'];
    assert.equal(
      stringifyJson(
        (parseJson(`[${numbers.join(',')}]`) as (number | bigint)[]).map((value) =>
          valueBehind(String(isRawNumber(value) ? value.rawJSON : value)),
        ),
      ),
      stringifyJson(numbers.map(valueBehind)),
    );
  });

  it('finds numbers in text that nests deeper than the stack', () => {
    let value = parseJson(`${'['.repeat(100_000)}1e18${']'.repeat(100_000)}`);
    while (Array.isArray(value)) value = value[0];
    assert.equal(value, 10n ** 18n);
  });

  it('leaves text unchanged, whatever it looks like', () => {
    for (const text of ['12345678901234567890', '1e400', '[{"', '\\"1e5', '\ud800']) {
      assert.equal(parseJson(JSON.stringify(text)), text);
      assert.deepEqual(parseJson(JSON.stringify({ [text]: [text, 0.5] })), { [text]: [text, 0.5] });
    }
  });

  it('keeps a member named __proto__ a mere member', () => {
    const value = parseJson('{"__proto__":{"a":1.5}}') as object;
    assert.deepEqual(Object.keys(value), ['__proto__']);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
  });

  it('refuses text that is not JSON', () => {
    for (const text of [
      ...['', '{', '01', '1.', '0x1', '[1.5', "'a'", 'undefined', '01e30', '00.5e30', '1.e30', '.5e30', '-.5e30'],
      ...['1e', '1e+', '1.5e30.5', '1e30e5', '1-12345678901234567890', '--1e30', '+1e30', '1e+-30', '1e30 1e30'],
      ...['{1e30:0}', '{"a":1e30,}', '"a"1e30', '1e30"a"', '-', '-e30', '1234567890123456.', '1e30-', 'true1e30'],
    ]) {
      assert.throws(() => parseJson(text), SyntaxError, text);
    }
  });

  it('does not serialize a bigint that is no wire integer', () => {
    assert.throws(() => stringifyJson({ count: 1n }), TypeError);
  });
});

describe('a survey of JSON text', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

  it('finds the nesting depth of any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        assert.equal(surveyJson(JSON.stringify(value)).depth, depthOf(value));
      }),
    );
  });

  it('finds every number that a double would change', () => {
    fc.assert(
      fc.property(numberText, fc.string(), (number, text) => {
        const spoilt = valueBehind(JSON.stringify(JSON.parse(number)).replace('null', '0')) !== valueBehind(number);
        const { wideNumbers } = surveyJson(`{${JSON.stringify(text)}:${JSON.stringify(text)},"a":[${number}]}`);
        assert.ok(!spoilt || wideNumbers.length === 2, number);
      }),
    );
  });

  it('does not take digits, points and brackets within text for numbers and nesting', () => {
    const text = JSON.stringify({ a: '12345678901234567890.5e1 [[[{{{ \\" \\', 'b[': '1.5' });
    assert.deepEqual(surveyJson(text), { depth: 1, values: 3, wideNumbers: [] });
  });

  it('counts at least the values that any JSON has', () => {
    const valuesOf = (value: unknown): number =>
      typeof value === 'object' && value !== null
        ? Object.values(value).reduce((sum: number, part) => sum + valuesOf(part), 1)
        : 1;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const { values } = surveyJson(JSON.stringify(value));
        assert.ok(values >= valuesOf(value) && values <= 2 * valuesOf(value));
      }),
    );
  });

  it('ends with the text, valid or not', () => {
    assert.deepEqual(surveyJson('["abc'), { depth: 1, values: 2, wideNumbers: [] });
    assert.deepEqual(surveyJson('"abc\\'), { depth: 0, values: 1, wideNumbers: [] });
    assert.deepEqual(surveyJson(']]]['), { depth: 0, values: 2, wideNumbers: [] });
  });
});

describe('wire integers', () => {
  it('are numbers where exact and digits where not', () => {
    assert.equal(toWireInteger(5n), 5);
    assert.equal(toWireInteger(2n ** 53n - 1n), 2 ** 53 - 1);
    assert.deepEqual(toWireInteger(2n ** 53n), rawNumber('9007199254740992'));
    assert.equal(stringifyJson([toWireInteger(-(2n ** 63n))]), '[-9223372036854775808]');
  });

  it('come back as the bigints that they were', () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        assert.equal(fromWireInteger(toWireInteger(value)), value);
        assert.equal(fromWireInteger(parseJson(stringifyJson(toWireInteger(value)))), value);
      }),
    );
  });

  it('are judged by their value, however it is spelled', () => {
    for (const text of ['1e22', '10000000000000000000000.0', `-0.${'0'.repeat(50)}5e51`, `7${'0'.repeat(50)}e-50`]) {
      const value = fromWireInteger(rawNumber(text));
      assert.equal(valueBehind(String(value)), valueBehind(text), text);
    }
  });

  it('refuse numbers that are not whole or not exact', () => {
    for (const value of [
      1.5,
      2 ** 53,
      Number.NaN,
      rawNumber('1e400'),
      rawNumber('1.5'),
      rawNumber('1e-1000000'),
      rawNumber(`1${'0'.repeat(100)}`),
      rawNumber('9'.repeat(1_000_000)),
      '5',
      true,
      null,
      undefined,
      {},
      [],
    ]) {
      assert.equal(fromWireInteger(value), undefined);
    }
  });
});

describe('JSON without loss in a browser without raw JSON', () => {
  const held = JSON as unknown as Record<string, unknown>;
  const { rawJSON, isRawJSON } = held;
  let old: typeof import('./json.ts');
  before(async () => {
    try {
      delete held.rawJSON;
      delete held.isRawJSON;
      const address = './json.ts?without-raw-json';
      old = await import(address);
    } finally {
      Object.assign(held, { rawJSON, isRawJSON });
    }
  });

  it('reads and writes every number as elsewhere', () => {
    fc.assert(
      fc.property(numberText, (text) => {
        const value = old.parseJson(`[${text}]`) as unknown[];
        const written = value.map((one) => (typeof one === 'bigint' ? old.toWireInteger(one) : one));
        assert.equal(valueBehind(old.stringifyJson(written).slice(1, -1)), valueBehind(text));
        assert.equal(old.fromWireInteger(value[0]), fromWireInteger(parseJson(text)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('leaves texts as they are, and knows its own raw numbers only', () => {
    const text = old.stringifyJson({ a: '18446744073709551615', b: old.toWireInteger(2n ** 64n - 1n), c: '"\\"1' });
    assert.equal(text, '{"a":"18446744073709551615","b":18446744073709551615,"c":"\\"\\\\\\"1"}');
    assert.equal(old.isRawNumber(old.rawNumber('1.0')), true);
    assert.equal(old.isRawNumber({ rawJSON: '1' }), false);
    assert.equal(old.stringifyJson(undefined), undefined);
  });
});
