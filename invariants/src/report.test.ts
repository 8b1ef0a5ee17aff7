import assert from 'node:assert/strict';
import type { Verdict } from './check.ts';
import { reportLines } from './report.ts';

const row = { sku: 1n, at: new Date('2026-01-31T12:00:00Z') };
const VERDICTS: Verdict[] = [
  { id: 'S1', says: 'The sums are right.', verdict: 'holds', notes: [] },
  { id: 'S2', says: 'The counter is right.', verdict: 'holds', notes: ['only half of it'] },
  {
    id: 'O1',
    says: 'Steps are in order.',
    verdict: 'broken',
    violations: Array.from({ length: 7 }, () => ({ check: 'the steps', row })),
  },
  { id: 'Y4', says: 'Nothing starts late.', verdict: 'not checked', why: 'no data shows it' },
];

describe('The report of the invariants', () => {
  it('has a line for each rule, a few examples of violations, and a summary at its end', () => {
    const example = '                 the steps: sku 1, at 2026-01-31T12:00:00.000Z';
    assert.deepEqual(reportLines(VERDICTS), [
      'S1  holds        The sums are right.',
      'S2  holds        The counter is right.',
      '                 (only half of it)',
      'O1  BROKEN       Steps are in order.',
      ...Array.from({ length: 5 }, () => example),
      '                 … and 2 more',
      'Y4  not checked  Nothing starts late.',
      '                 (no data shows it)',
      '2 hold, 1 broken, 1 not checked',
    ]);
  });

  it('has colours only on request', () => {
    assert.ok(!reportLines(VERDICTS).join('').includes('\u001b'));
    assert.equal(
      reportLines(VERDICTS, { colours: true })[3],
      'O1  \u001b[31mBROKEN     \u001b[0m  Steps are in order.',
    );
  });
});
