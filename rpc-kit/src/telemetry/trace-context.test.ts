import assert from 'node:assert/strict';
import { acceptTraceContext, formatTraceparent, parseTraceparent } from './trace-context.ts';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const stateOf = (tracestate: string, traceparent: string | undefined = PARENT) =>
  acceptTraceContext({ traceparent, tracestate }).tracestate;
const baggageOf = (baggage: string) => acceptTraceContext({ baggage }).baggage;

describe('a tracestate', () => {
  for (const [what, sent, travels] of [
    ['of one vendor', 'congo=t61rcWkgMzE', 'congo=t61rcWkgMzE'],
    ['of several header lines', 'rojo=1, congo=2,\tazul=3', 'rojo=1,congo=2,azul=3'],
    ['with empty members', ',rojo=1, ,congo=2,', 'rojo=1,congo=2'],
    ['of tenants', 'fw529a3039@dt=FfAI;x,1a-2*b/c=x:y', 'fw529a3039@dt=FfAI;x,1a-2*b/c=x:y'],
    ['with spaces within a value', 'a=b c', 'a=b c'],
    ['with a key that came twice', 'a=1,b=2,a=3', 'a=1,b=2'],
    ['of 32 members', members(32), members(32)],
  ] as const) {
    it(`${what} travels on`, () => assert.equal(stateOf(sent), travels));
  }

  for (const [what, sent] of [
    ['is empty', ''],
    ['has an equals sign in a value', 'a=1=2'],
    ['has no member', ' , '],
    ['has a key with a capital', 'a=1,Congo=2'],
    ['has a key of 257 characters', `${'a'.repeat(257)}=1`],
    ['has a value of 257 characters', `a=${'1'.repeat(257)}`],
    ['has no value', 'a=1,b='],
    ['has no equals sign', 'a=1,b'],
    ['has a control character', 'a=1,b=2\x01'],
    ['has letters beyond ASCII', 'a=1,b=ключ'],
    ['has 33 members', members(33)],
    ['is a megabyte long', `a=1,${' '.repeat(1_000_000)}`],
  ] as const) {
    it(`is dropped as a whole when it ${what}`, () => assert.equal(stateOf(sent), undefined));
  }

  it('is nothing without a traceparent, or with one that is none', () => {
    for (const traceparent of ['', 'nonsense', PARENT.replace('0af7651916cd43dd8448eb211c80319c', '0'.repeat(32))])
      assert.equal(stateOf('a=1', traceparent), undefined);
    assert.equal(acceptTraceContext({ tracestate: 'a=1' }).tracestate, undefined);
  });

  it('travels on with a traceparent of a later version', () => {
    assert.equal(stateOf('a=1', `cc${PARENT.slice(2)}-more`), 'a=1');
  });

  it('of more than 512 characters loses whole members, the large ones first and then the last ones', () => {
    const large = `large=${'x'.repeat(200)}`;
    const small = Array.from({ length: 8 }, (_, index) => `s${index}=${'x'.repeat(57)}`);
    assert.equal(stateOf([large, ...small].join(',')), small.join(','));
    const many = Array.from({ length: 10 }, (_, index) => `s${index}=${'x'.repeat(57)}`);
    assert.equal(stateOf(many.join(',')), many.slice(0, 8).join(','));
  });
});

describe('baggage', () => {
  for (const [what, sent, travels] of [
    ['of one name', 'userId=alice', 'userId=alice'],
    ['of several header lines', 'a=1, b=2 ,\tc=3', 'a=1,b=2,c=3'],
    ['with properties', 'a=1;p;q = 2 ; r,b=2', 'a=1;p;q = 2 ; r,b=2'],
    ['with escapes and an empty value', 'a=%D0%BA,b=', 'a=%D0%BA,b='],
    ['with members that are none', 'a=1,b,=2,c d=3,e="4",f=\\5,g=ключ,h=6', 'a=1,h=6'],
    ['of 180 names', members(180), members(180)],
    ['of more than 180 names', members(181), members(180)],
    ['of 8192 bytes', `a=${'x'.repeat(8_190)}`, `a=${'x'.repeat(8_190)}`],
    ['beyond 8192 bytes', `a=1,b=${'x'.repeat(8_190)},c=3`, 'a=1'],
  ] as const) {
    it(`${what} travels on as whole members`, () => assert.equal(baggageOf(sent), travels));
  }

  it('is nothing when no member is one', () => {
    for (const sent of ['', ' ', ',,', 'nonsense', 'a=\x01', `a=${'x'.repeat(8_191)}`])
      assert.equal(baggageOf(sent), undefined);
  });

  it('is refused as fast as it is read, however many spaces stand before its end', () => {
    // A pattern with two choices at each property would try 2^1000 of them.
    for (const sent of [`a=${'  ;b='.repeat(1_000)}"`, `a=${' '.repeat(8_000)}"`])
      assert.equal(baggageOf(sent), undefined);
    assert.equal(baggageOf(`a=${'  ;b='.repeat(1_000)}`), `a=${'  ;b='.repeat(1_000)}`);
  });

  it('needs no trace', () => {
    assert.equal(acceptTraceContext({ traceparent: 'nonsense', baggage: 'a=1' }).baggage, 'a=1');
  });
});

function members(count: number): string {
  return Array.from({ length: count }, (_, index) => `m${index}=1`).join(',');
}

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('a traceparent', () => {
  it('parses into trace, span and flags', () => {
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
