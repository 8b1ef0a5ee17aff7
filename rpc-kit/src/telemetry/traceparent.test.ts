import assert from 'node:assert/strict';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('a traceparent', () => {
  it('tells trace, span and flags', () => {
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), { traceId: TRACE, spanId: SPAN, traceFlags: 1 });
  });

  it('reads the same after it was written', () => {
    for (const text of [`00-${TRACE}-${SPAN}-00`, `00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-ff`]) {
      const parsed = parseTraceparent(text);
      assert.equal(parsed && formatTraceparent(parsed), text);
    }
  });

  it('of a later version may go on after the flags', () => {
    assert.equal(parseTraceparent(`01-${TRACE}-${SPAN}-01-what-comes-then`)?.spanId, SPAN);
    assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-01-what-comes-then`), undefined);
  });

  for (const [why, text] of [
    ['is missing', undefined],
    ['is empty', ''],
    ['has the forbidden version', `ff-${TRACE}-${SPAN}-01`],
    ['has a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['has a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['has capitals', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['is too short', `00-${TRACE}-${SPAN}`],
    ['goes on without a dash', `01-${TRACE}-${SPAN}-011`],
    ['has something before it', ` 00-${TRACE}-${SPAN}-01`],
    ['has a line break after it', `00-${TRACE}-${SPAN}-01\n`],
  ] as const) {
    it(`is none when it ${why}`, () => assert.equal(parseTraceparent(text), undefined));
  }
});
