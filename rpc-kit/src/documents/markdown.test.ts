import assert from 'node:assert/strict';
import { z } from 'zod';
import { defineService } from '../contract.ts';
import { rawNumber } from '../schema/json.ts';
import { idempotencyKey, int64, timestamp, uint16, uint32, uint64 } from '../schema/wire-types.ts';
import { accessMarkdown, codesMarkdown, contractMarkdown, typeText } from './markdown.ts';
import { wireSchema } from './wire-schema.ts';

describe('the notation of types', () => {
  for (const [schema, text] of [
    [int64, 'int64'],
    [uint64, 'uint64'],
    [uint32, 'uint32'],
    [uint16, 'uint16'],
    [uint16.min(1), 'uint16 (1 or more)'],
    [uint32.max(10), 'uint32 (at most 10)'],
    [uint32.min(1).max(10), 'uint32 (1 to 10)'],
    [z.number(), 'number'],
    [z.number().min(0).max(1), 'number (0 to 1)'],
    [z.number().gt(0).lt(1), 'number (above 0, below 1)'],
    [z.number().gt(0).max(1), 'number (above 0, at most 1)'],
    [z.string(), 'string'],
    [z.string().max(40), 'string (at most 40)'],
    [idempotencyKey, 'string (1 to 255)'],
    [timestamp, 'date-time'],
    [z.boolean(), 'boolean'],
    [z.null(), 'null'],
    [z.unknown(), 'any'],
    [z.literal('new'), '"new"'],
    [z.literal(5), '5'],
    [z.enum(['new', 'payed']), '"new" | "payed"'],
    [z.string().nullable(), 'string | null'],
    [z.union([int64, z.string()]), 'int64 | string'],
    [z.array(int64), '[int64]'],
    [z.array(int64).min(1).max(100), '[int64] (1 to 100)'],
    [z.array(z.unknown()), '[any]'],
    [z.tuple([z.string(), uint16]), '[string, uint16]'],
    [z.object({}), '{}'],
    [z.strictObject({ user: int64, note: z.string().optional() }), '{user: int64, note?: string}'],
    [z.record(z.string(), uint16), '{*: uint16}'],
    [z.array(z.object({ sku: uint32, tags: z.array(z.string()) })), '[{sku: uint32, tags: [string]}]'],
  ] as const) {
    it(`says ${text}`, () => {
      assert.equal(typeText(wireSchema(schema)), text);
    });
  }
});

describe('a contract in Markdown', () => {
  const shop = defineService(
    'shop',
    { summary: 'Sells.', version: '1.0.0' },
    {
      buy: {
        summary: 'Buys.',
        description: 'Pays at once.',
        params: z.strictObject({ user: int64, note: z.string().optional() }),
        result: z.object({ orderID: int64 }),
        errors: {
          sold_out: {
            code: 'failed_precondition',
            message: 'There is none | none at all',
            details: z.object({ sku: uint32 }),
          },
          closed: { code: 'unavailable', message: 'The shop is closed' },
        },
        timeoutMs: 500,
        retry: 'with-idempotency-key',
        positions: ['user'],
        example: {
          params: { user: rawNumber('9223372036854775807'), note: "it's for me" },
          result: { orderID: rawNumber('9223372036854775807') },
        },
      },
      look: {
        summary: 'Looks.',
        params: z.strictObject({}),
        result: z.object({}),
        timeoutMs: 100,
        reads: true,
        example: { params: {}, result: {} },
      },
      ring: {
        summary: 'Rings.',
        params: z.strictObject({}),
        result: z.object({}),
        timeoutMs: 100,
        retry: 'safe',
        access: { callers: ['till', 'door'] },
        example: { params: {}, result: {} },
      },
    },
  );

  it('shows every method with its types, limits, errors and a curl line for a shell', () => {
    assert.equal(
      contractMarkdown(shop, 'http://localhost:8080'),
      `## shop

Sells. At http://localhost:8080, documents at http://localhost:8080/docs.

### buy

Buys. Pays at once.

- params: \`{user: int64, note?: string}\`
- result: \`{orderID: int64}\`
- at most 500 ms · writes · by position: user · safe to repeat with an idempotency key

| reason | code | JSON-RPC | HTTP | details | meaning |
| --- | --- | --- | --- | --- | --- |
| sold_out | failed_precondition | -32009 | 412 | \`{sku: uint32}\` | There is none \\| none at all |
| closed | unavailable | -32014 | 503 |  | The shop is closed |

\`\`\`sh
curl -s -H content-type:application/json -d '{"user":9223372036854775807,"note":"it'\\''s for me"}' http://localhost:8080/buy
\`\`\`

answers, for example, \`{"orderID":9223372036854775807}\`

### look

Looks.

- params: \`{}\`
- result: \`{}\`
- at most 100 ms · only reads (GET with a body works too)

\`\`\`sh
curl -s -H content-type:application/json -d '{}' http://localhost:8080/look
\`\`\`

answers, for example, \`{}\`

### ring

Rings.

- params: \`{}\`
- result: \`{}\`
- at most 100 ms · writes · called by till, door · safe to repeat

\`\`\`sh
curl -s -H content-type:application/json -d '{}' http://localhost:8080/ring
\`\`\`

answers, for example, \`{}\``,
    );
  });

  it('shows the callers of every method, and that a method without access has none', () => {
    assert.deepEqual(accessMarkdown([shop]).split('\n').slice(2), [
      '| shop.buy |  |  |',
      '| shop.look |  |  |',
      '| shop.ring | yes | yes |',
    ]);
    assert.match(accessMarkdown([shop]), /^\| method \| door \| till \|\n/);
  });

  it('shows the table of codes', () => {
    const rows = codesMarkdown().split('\n');
    assert.deepEqual(rows.slice(0, 3), [
      '| code | JSON-RPC | HTTP (plain face) | gRPC | a caller may retry |',
      '| --- | --- | --- | --- | --- |',
      '| parse_error | -32700 | 400 | 3 | never |',
    ]);
    assert.ok(rows.includes('| aborted | -32010 | 409 | 10 | from the start |'));
    assert.equal(rows.length, 18);
  });
});
