import assert from 'node:assert/strict';
import { HistoryError, LINE_LENGTH_MAX, type Operation, readHistory, toHistoryLine } from './history.ts';

const at = { startedAt: new Date('2026-01-31T12:00:00.001Z'), endedAt: new Date('2026-01-31T12:00:00.002Z') };
const PURCHASE: Operation = {
  ...at,
  op: 'purchase',
  key: 'k',
  args: { user: 9_007_199_254_740_993n, idempotencyKey: 'k' },
  client: 'user-17',
  result: 'ok',
  answer: { orderID: 9_223_372_036_854_775_807n },
};

async function* chunks(text: string, length = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

const read = (text: string) => Array.fromAsync(readHistory(chunks(text), 'h.jsonl'));

describe('A history', () => {
  it('keeps every digit of its integers when written, as JSON numbers, and read', async () => {
    const line = toHistoryLine(PURCHASE);
    assert.match(line, /"user":9007199254740993,.*"orderID":9223372036854775807\}/);
    assert.deepEqual(await read(line), [PURCHASE]);
  });

  it('is read in chunks, also if a chunk ends inside a character or the last line has no line feed', async () => {
    const named: Operation = { ...PURCHASE, key: 'Ключ ✓' };
    assert.deepEqual(await read(`${toHistoryLine(named)}\n${toHistoryLine(PURCHASE).trimEnd()}`), [named, PURCHASE]);
  });

  it('is empty for an empty file', async () => {
    assert.deepEqual(await read(''), []);
  });

  for (const [what, line, message] of [
    ['an incomplete line', '{"op":"purch', /^h\.jsonl, line 2: this is not JSON; was the writer killed/],
    ['an unknown result', toHistoryLine(PURCHASE).replace('"ok"', '"maybe"'), /^h\.jsonl, line 2: result: /],
    ['a fail without its code', toHistoryLine(PURCHASE).replace('"ok","answer":', '"fail","data":'), /line 2: code: /],
    ['an unknown member', toHistoryLine(PURCHASE).replace('{', '{"extra":1,'), /line 2: the operation: .*extra/],
    ['an invalid time', toHistoryLine(PURCHASE).replace('2026-01-31T12:00:00.001Z', 'now'), /line 2: startedAt: /],
    [
      'a line that is too long',
      'x'.repeat(LINE_LENGTH_MAX + 1),
      /^h\.jsonl, line 2: a line holds at most \d+ characters/,
    ],
  ] as const) {
    it(`names the line of ${what}`, async () => {
      await assert.rejects(
        Array.fromAsync(readHistory(chunks(toHistoryLine(PURCHASE) + line, 4096), 'h.jsonl')),
        (error) => {
          assert.ok(error instanceof HistoryError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it('is refused unless it is UTF-8', async () => {
    const bytes = async function* () {
      yield Uint8Array.of(0x7b, 0xff, 0x7d);
    };
    await assert.rejects(
      Array.fromAsync(readHistory(bytes(), 'h.jsonl')),
      /^HistoryError: h\.jsonl, line 1 or soon after/,
    );
  });
});
