import assert from 'node:assert/strict';
import fc from 'fast-check';
import { z } from 'zod';
import { wireSchema } from '../documents/wire-schema.ts';
import { parseJson, rawNumber, stringifyJson } from './json.ts';
import { idempotencyKey, int64, storableText, text, timestamp, uint16, uint32, uint64 } from './wire-types.ts';

/** A type with its first and its last value. */
const wide = [
  { name: 'int64', type: int64, min: -(2n ** 63n), max: 2n ** 63n - 1n },
  { name: 'uint64', type: uint64, min: 0n, max: 2n ** 64n - 1n },
];
const narrow = [
  { name: 'uint32', type: uint32, max: 4_294_967_295 },
  { name: 'uint16', type: uint16, max: 65_535 },
];

/** From JSON text to the handler's value. */
const decode = (type: z.ZodType, text: string): unknown => {
  const decoded = z.safeDecode(type, parseJson(text) as never);
  return decoded.success ? decoded.data : 'refused';
};
/** From a handler's value to JSON text. */
const encode = (type: z.ZodType, value: unknown): unknown => {
  const encoded = z.safeEncode(type, value as never);
  return encoded.success ? stringifyJson(encoded.data) : 'refused';
};

for (const { name, type, min, max } of wide) {
  describe(name, () => {
    it('decodes and encodes its first and last value digit for digit', () => {
      for (const edge of [min, max]) {
        assert.equal(decode(type, edge.toString()), edge);
        assert.equal(encode(type, edge), edge.toString());
      }
    });

    it('refuses one beyond its edges, in both directions', () => {
      for (const beyond of [min - 1n, max + 1n]) {
        assert.equal(decode(type, beyond.toString()), 'refused');
        assert.equal(encode(type, beyond), 'refused');
      }
    });

    it('says what it expects', () => {
      const { error } = z.safeDecode(type, (max + 1n) as never);
      assert.equal(error?.issues[0]?.message, `expected a whole number from ${min} to ${max}`);
    });

    it('accepts every spelling of a whole number', () => {
      for (const text of [
        '100',
        '1e2',
        '100.0',
        '1000e-1',
        '1E+2',
        '100.00000000000000000000',
        `1${'0'.repeat(300)}e-298`,
      ])
        assert.equal(decode(type, text), 100n, text);
      for (const text of ['1e18', '1000000000000000000.0', '10000000000000000000e-1'])
        assert.equal(decode(type, text), 10n ** 18n, text);
      assert.equal(decode(type, '9007199254740993.0'), 9007199254740993n);
      assert.equal(decode(type, '-0'), 0n);
      assert.equal(z.decode(type, rawNumber('100') as never), 100n);
      assert.equal(z.decode(type, 100n as never), 100n);
    });

    it('refuses numbers that are not whole or far outside its range', () => {
      for (const text of [
        '1.5',
        '15e-1',
        '1e400',
        '1e-400',
        '1e999999999',
        '1e-999999999',
        '1e22',
        '9007199254740993.5',
        '9'.repeat(1_000_000),
        `0.${'0'.repeat(1_000_000)}1`,
        '"5"',
        'true',
        'null',
        '[]',
        '{}',
        '[1]',
      ]) {
        assert.equal(decode(type, text), 'refused', text);
      }
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, undefined]) {
        assert.equal(z.safeDecode(type, value as never).success, false, String(value));
      }
    });

    it('refuses a number of the handler that is no bigint', () => {
      for (const value of [1, '1', undefined, null]) assert.equal(encode(type, value), 'refused');
    });

    it('carries every value of its range through JSON text', () => {
      fc.assert(
        fc.property(fc.bigInt({ min, max }), (value) => {
          assert.equal(decode(type, encode(type, value) as string), value);
        }),
      );
    });

    it('describes itself with bounds of every digit', () => {
      const schema = stringifyJson(wireSchema(type));
      assert.equal(schema, `{"type":"integer","format":"${name}","minimum":${min},"maximum":${max}}`);
    });
  });
}

for (const { name, type, max } of narrow) {
  describe(name, () => {
    it('decodes and encodes its first and last value', () => {
      for (const edge of [0, max]) {
        assert.equal(decode(type, String(edge)), edge);
        assert.equal(encode(type, edge), String(edge));
      }
    });

    it('refuses one beyond its edges, in both directions', () => {
      for (const beyond of [-1, max + 1]) {
        assert.equal(decode(type, String(beyond)), 'refused');
        assert.equal(encode(type, beyond), 'refused');
      }
    });

    it('says once what it expects, also of a number that no 64 bits hold', () => {
      for (const value of [max + 1, -1, 1.5, 1e308, -1e308]) {
        const messages = z.safeDecode(type, value).error?.issues.map(({ message }) => message);
        assert.deepEqual(messages, [`expected a whole number from 0 to ${max}`]);
      }
    });

    it('accepts every spelling of a whole number', () => {
      for (const text of ['100', '1e2', '100.0', '1000e-1', '1000000000000000000e-16', '100.00000000000000000000'])
        assert.equal(decode(type, text), 100, text);
      for (const text of ['0', '-0', '0.0', '0e999999999', '-0.000000000000000000'])
        assert.ok(decode(type, text) === 0, text);
    });

    it('lets a narrower range speak for itself', () => {
      const messageOf = (value: number): unknown => type.min(1).safeParse(value).error?.issues[0]?.message;
      assert.equal(messageOf(0), 'Too small: expected number to be >=1');
      assert.equal(messageOf(max + 1), `expected a whole number from 0 to ${max}`);
      assert.equal(messageOf(1.5), `expected a whole number from 0 to ${max}`);
    });

    it('refuses everything else and says what it expects', () => {
      for (const text of [
        '1.5',
        '1e400',
        '0.1234567890123456789',
        '1e18',
        '18446744073709551616',
        '9'.repeat(1_000_000),
        '"5"',
        'true',
        'null',
        '[]',
        '{}',
      ]) {
        const { error } = z.safeDecode(type, parseJson(text) as never);
        assert.equal(error?.issues[0]?.message, `expected a whole number from 0 to ${max}`, text);
      }
    });
  });
}

describe('timestamp', () => {
  it('is RFC 3339 text on the wire and a Date inside', () => {
    const date = new Date('2026-11-20T08:00:00.250Z');
    assert.deepEqual(decode(timestamp, '"2026-11-20T08:00:00.250Z"'), date);
    assert.deepEqual(decode(timestamp, '"2026-11-20T11:00:00.250+03:00"'), date);
    assert.equal(encode(timestamp, date), '"2026-11-20T08:00:00.250Z"');
  });

  it('refuses other text, days that do not exist and dates that are none', () => {
    for (const text of [
      '"yesterday"',
      '"2026-11-20"',
      '"2026-11-20T08:00:00"',
      '"2026-02-30T00:00:00Z"',
      '1',
      'null',
    ]) {
      assert.equal(decode(timestamp, text), 'refused', text);
    }
    assert.equal(encode(timestamp, new Date(Number.NaN)), 'refused');
  });

  it('refuses times finer than a millisecond, which would be rounded, and accepts trailing zeros', () => {
    for (const fraction of ['.1234', '.0001', '.1230001', '.123456789'])
      for (const zone of ['Z', '+03:00']) {
        assert.equal(decode(timestamp, `"2026-11-20T08:00:00${fraction}${zone}"`), 'refused', fraction);
      }
    for (const fraction of ['.1', '.12', '.123', '.1230', '.123000000', '.000'])
      for (const zone of ['Z', '+03:00']) {
        const text = `2026-11-20T08:00:00${fraction}${zone}`;
        assert.deepEqual(decode(timestamp, `"${text}"`), new Date(text), text);
      }
  });

  it('accepts no other spellings of a time', () => {
    for (const text of [
      '2026-11-20t08:00:00z',
      '2026-11-20 08:00:00Z',
      '2026-12-31T23:59:60Z',
      '2026-11-20T24:00:00Z',
      '2026-11-20T08:00:00,5Z',
      '2026-11-20T08:00:00.Z',
      '2026-11-20T08:00Z',
      '2026-11-20T08:00:00+24:00',
      '2026-11-20T08:00:00+0300',
      '2026-11-20T08:00:00Z\n',
      '+275760-09-13T00:00:00Z',
      '-000001-01-01T00:00:00Z',
      '2026-11-20T08:00:00.٣Z',
    ])
      assert.equal(decode(timestamp, JSON.stringify(text)), 'refused', text);
    assert.deepEqual(decode(timestamp, '"2026-11-20T08:00:00-23:59"'), new Date('2026-11-21T07:59:00Z'));
  });

  it('refuses years that RFC 3339 cannot say', () => {
    assert.equal(decode(timestamp, '"9999-12-31T23:59:59-01:00"'), 'refused');
    assert.equal(decode(timestamp, '"0000-01-01T00:00:00+00:01"'), 'refused');
    assert.equal(encode(timestamp, new Date('+010000-01-01T00:00:00Z')), 'refused');
  });
});

describe('text', () => {
  it('is refused where a database could not hold it, which its documented pattern says, too', () => {
    const { pattern } = z.toJSONSchema(text(5)) as { pattern: string };
    for (const [value, isFine] of [
      ['a', true],
      ['🛒', true],
      ['\ufffd', true],
      ['a\0b', false],
      ['\ud800', false],
      ['\udc00x', false],
    ] as const) {
      assert.equal(text(5).safeParse(value).success, isFine, JSON.stringify(value));
      assert.equal(new RegExp(pattern, 'u').test(value), isFine, JSON.stringify(value));
    }
  });
});

describe('idempotencyKey', () => {
  it('accepts 1 to 255 characters of any alphabet', () => {
    for (const key of ['k', 'k'.repeat(255), 'заказ 1', '🛒'])
      assert.equal(idempotencyKey.safeParse(key).success, true, key);
    for (const key of ['', 'k'.repeat(256)]) assert.equal(idempotencyKey.safeParse(key).success, false, key);
  });

  it('counts characters and not their halves', () => {
    assert.equal(idempotencyKey.safeParse('🛒'.repeat(255)).success, true);
    assert.equal(idempotencyKey.safeParse('🛒'.repeat(256)).success, false);
    assert.deepEqual((({ minLength, maxLength }) => ({ minLength, maxLength }))(wireSchema(idempotencyKey)), {
      minLength: 1,
      maxLength: 255,
    });
  });

  it('refuses control characters', () => {
    for (const key of ['a\0b', 'a\nb', '\t', 'a\x7f', '\x80', 'a\x9f'])
      assert.equal(idempotencyKey.safeParse(key).success, false, JSON.stringify(key));
  });

  it('refuses what a database cannot hold or would store as another key', () => {
    for (const key of ['a\0b', '\ud800', '\udc00x', 'x\ud83d'])
      assert.equal(idempotencyKey.safeParse(key).success, false);
  });
});

describe('storable text', () => {
  it('is never cut inside a surrogate pair', () => {
    assert.equal(storableText(`${'a'.repeat(255)}😀`, 256), 'a'.repeat(255));
    assert.equal(storableText(`${'a'.repeat(254)}😀b`, 256), `${'a'.repeat(254)}😀`);
    assert.equal(storableText('😀', 1), '');
  });

  it('holds neither NUL nor halves of surrogate pairs', () => {
    assert.equal(storableText('a\0b\ud800c\udc00', 256), 'a\uFFFDb\uFFFDc\uFFFD');
  });

  it('is the text itself where nothing is wrong with it', () => {
    assert.equal(storableText('Теория 😀\n', 9), 'Теория 😀');
    assert.equal(storableText('Теория 😀\n', 10), 'Теория 😀\n');
  });
});
