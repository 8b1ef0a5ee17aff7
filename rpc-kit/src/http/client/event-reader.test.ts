import assert from 'node:assert/strict';
import { EventReader } from './event-reader.ts';

const BYTES_MAX = 100;

/** What arrives, as `name:data`. */
function read(chunks: readonly (string | Buffer)[], bytesMax = BYTES_MAX): string[] {
  const events: string[] = [];
  const reader = new EventReader(bytesMax, ({ name, data }) =>
    events.push(`${name}:${new TextDecoder().decode(data)}`),
  );
  for (const chunk of chunks) reader.add(Buffer.from(chunk as string));
  return events;
}

/** A text and the events in it. */
const TEXTS: readonly (readonly [text: string, events: readonly string[]])[] = [
  ['data: 1\n\n', [':1']],
  ['data:1\n\ndata: 2\n\n', [':1', ':2']],
  ['data:  1\n\n', [': 1']],
  ['id: 7\nevent: end\ndata: {}\n\n', ['end:{}']],
  [': a comment\n\n:\n\ndata: 1\n\n', [':1']],
  ['data: 1\r\n\r\ndata: 2\r\n\r\n', [':1', ':2']],
  ['data: 1\r\rdata: 2\r\r', [':1', ':2']],
  ['data: a\ndata: b\n\n', [':a\nb']],
  ['data\ndata\n\n', [':\n']],
  ['data\n\ndata\n\n', [':', ':']],
  ['data\ndata\ndata: a\ndata\n\n', [':\n\na\n']],
  ['event: end\n\ndata: 1\n\n', [':1']],
  ['dataset: 1\nretry: 10\nunknown\n\ndata: 1\n\n', [':1']],
  ['data: ½ €\n\n', [':½ €']],
  ['\ufeffdata: 1\n\n\ufeffdata: 2\n\n', [':1']],
  ['\ufeff\ndata: 1\n\n', [':1']],
  ['data: 1\n', []],
  ['data: 1\r\ndata: 2\r\n\n', [':1\n2']],
];

describe('The reader of server-sent events', () => {
  for (const [text, events] of TEXTS) {
    it(`finds the events of ${JSON.stringify(text)}, wherever it is cut`, () => {
      assert.deepEqual(read([text]), events);
      const bytes = Buffer.from(text);
      for (let cut = 0; cut <= bytes.length; cut++) {
        assert.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)]), events, `cut at ${cut}`);
      }
      assert.deepEqual(read([...bytes].map((byte) => Buffer.of(byte))), events);
    });
  }

  it('refuses a line and an event that are larger than they may be, and counts each event by itself', () => {
    const tooLarge = { code: 'internal', message: 'The peer answered more than may be read' };
    assert.throws(() => read(['x'.repeat(BYTES_MAX), 'x']), tooLarge);
    assert.throws(() => read([`data: ${'x'.repeat(BYTES_MAX)}\n`]), tooLarge);
    assert.throws(() => read(Array.from({ length: 20 }, () => 'data: xxxxx\n')), tooLarge);
    assert.equal(read(Array.from({ length: 50 }, () => 'data: xxxxx\n\n')).length, 50);
  });
});
