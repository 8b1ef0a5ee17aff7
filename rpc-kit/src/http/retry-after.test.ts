import assert from 'node:assert/strict';
import { parseRetryAfter } from './retry-after.ts';

const now = (): number => Date.parse('2026-11-20T08:00:00.250Z');
const DATE = 'Fri, 20 Nov 2026 07:00:00 GMT';
const read = (retryAfter: string | null | undefined, date?: string) => parseRetryAfter({ retryAfter, date }, now);

describe('Retry-After', () => {
  for (const [form, retryAfter] of [
    ['an IMF-fixdate', 'Fri, 20 Nov 2026 07:00:02 GMT'],
    ['an RFC 850 date', 'Friday, 20-Nov-26 07:00:02 GMT'],
    ['an asctime date', 'Fri Nov 20 07:00:02 2026'],
    ['a date in other letters', 'fri, 20 nov 2026 07:00:02 gmt'],
    ['seconds', '2'],
    ['seconds with spaces around', ' 2\t'],
  ] as const) {
    it(`that is ${form} is a pause`, () => assert.equal(read(retryAfter, DATE), 2_000));
  }

  it('that is a date counts by our own clock where the answer has no Date, or none that can be read', () => {
    for (const date of [undefined, '', 'yesterday']) assert.equal(read('Fri, 20 Nov 2026 08:00:02 GMT', date), 1_750);
  });

  it('that is a date of one digit as asctime writes it is a pause', () => {
    assert.equal(read('Sun Nov  1 00:00:03 2026', 'Sun, 01 Nov 2026 00:00:00 GMT'), 3_000);
  });

  it('that is a date in the past asks for no pause', () => {
    for (const past of ['Fri, 20 Nov 2026 06:59:59 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])
      assert.equal(read(past, DATE), 0, past);
  });

  it('with two digits of a year means the past where it would lie more than 50 years ahead', () => {
    assert.equal(read('Saturday, 20-Nov-77 07:00:02 GMT', DATE), 0);
    assert.equal(read('Friday, 20-Nov-76 07:00:02 GMT', DATE), 3_600_000);
  });

  it('asks for an hour at most', () => {
    for (const value of ['3601', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT'])
      assert.equal(read(value, DATE), 3_600_000);
  });

  it('that came twice asks for the longer pause', () => {
    assert.equal(read('3, 5'), 5_000);
    assert.equal(read('1,Fri, 20 Nov 2026 07:00:04 GMT, Friday, 20-Nov-26 07:00:02 GMT', DATE), 4_000);
    assert.equal(read('soon, 2'), 2_000);
  });

  for (const value of [
    undefined,
    null,
    '',
    ' ',
    'soon',
    '-1',
    '+2',
    '1.5',
    '0x10',
    '1e3',
    'Infinity',
    '2 s',
    '2026-11-20T07:00:02Z',
    'Fri, 20 Nov 2026 07:00:02 +0000',
    'Fri, 31 Nov 2026 07:00:02 GMT',
    'Fri, 00 Nov 2026 07:00:02 GMT',
    'Fri, 20 Nox 2026 07:00:02 GMT',
    'Fri, 20 Nov 2026 24:00:02 GMT',
    'Fri, 20 Nov 2026 07:60:02 GMT',
    '20 Nov 2026 07:00:02 GMT',
  ]) {
    it(`${JSON.stringify(value)} is read as none`, () => assert.equal(read(value, DATE), undefined));
  }
});
