import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkFaults, type Fault, type FaultPlan, parseFaults } from './fault.ts';

const DROP: Fault = { method: 'buy', kind: 'drop', share: 0.1, code: 'unavailable' };

describe('The text of faults', () => {
  const taken: Record<string, FaultPlan> = {
    'buy:drop:0.1': { faults: [DROP], seed: undefined },
    'buy:drop:1:deadline_exceeded': { faults: [{ ...DROP, share: 1, code: 'deadline_exceeded' }], seed: undefined },
    '*:delay:0.05:200, look:abort:0.01:internal,seed:7': {
      faults: [
        { method: '*', kind: 'delay', share: 0.05, ms: 200 },
        { method: 'look', kind: 'abort', share: 0.01, code: 'internal' },
      ],
      seed: 7,
    },
    'seed:drop:0.5,seed:0': { faults: [{ ...DROP, method: 'seed', share: 0.5 }], seed: 0 },
  };
  for (const [text, plan] of Object.entries(taken)) {
    it(`"${text}" is read`, () => {
      assert.deepEqual(parseFaults(text), plan);
    });
  }

  const refused: Record<string, RegExp> = {
    '': /^it is "", but has to be method:delay:share:ms, .*, separated by commas$/,
    buy: /^it is "buy", but has to be method:delay/,
    'buy:drop:0.1,': /^it is "", but has to be method:delay/,
    'buy:fail:0.1': /has to be method:delay/,
    'buy:drop:0.1:unavailable:5': /has to be method:delay/,
    ':drop:0.1': /has to be method:delay/,
    'buy:drop': /has to be buy:drop: with a share above 0 and at most 1, such as 0.25$/,
    'buy:drop:0': /with a share above 0/,
    'buy:drop:0.0': /with a share above 0/,
    'buy:drop:1.5': /with a share above 0/,
    'buy:drop:10%': /with a share above 0/,
    'buy:drop:-1': /with a share above 0/,
    'buy:drop:0.1:internal': /has to be buy:drop:0.1: with one of unavailable, deadline_exceeded$/,
    'buy:delay:0.1': /has to be buy:delay:0.1: with a whole number from 1 to 60000, in milliseconds$/,
    'buy:delay:0.1:0': /a whole number from 1 to 60000/,
    'buy:delay:0.1:60001': /a whole number from 1 to 60000/,
    'buy:delay:0.1:5s': /a whole number from 1 to 60000/,
    'buy:abort:0.1': /has to be buy:abort:0.1: with one of unavailable, resource_exhausted, .*, internal$/,
    'buy:abort:0.1:not_found': /with one of unavailable/,
    'seed:7': /^it has a seed, but no fault$/,
    'seed:x,buy:drop:0.1': /^it is "seed:x", but has to be/,
    'seed:4294967296,buy:drop:0.1': /has to be/,
    'buy:drop:0.1,seed:1,seed:2': /^it has two seeds$/,
    [Array(51).fill('buy:drop:0.1').join()]: /^it has 51 faults, but at most 50 may be set$/,
  };
  for (const [text, message] of Object.entries(refused)) {
    it(`"${text.slice(0, 40)}" is refused in a sentence`, () => {
      assert.throws(() => parseFaults(text), { name: 'TypeError', message });
    });
  }

  it('is read or refused in a sentence, whatever it is, and what is read may be injected', () => {
    const part = fc.constantFrom('buy', '*', 'drop', 'delay', 'abort', '0.5', '1', '7', 'unavailable', 'seed', '', ' ');
    const text = fc.array(
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join(':')),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(fc.oneof(fc.string(), text.map(String)), (given) => {
        try {
          checkFaults(parseFaults(given));
        } catch (error) {
          assert.ok(error instanceof TypeError && error.message.startsWith('it '), String(error));
        }
      }),
    );
  });
});

describe('A plan of faults', () => {
  it('is refused for a value outside its range', () => {
    const wrong: Record<string, FaultPlan> = {
      'the share of buy is 0, but has to be above 0 and at most 1': { faults: [{ ...DROP, share: 0 }] },
      'the share of buy is NaN, but has to be above 0 and at most 1': { faults: [{ ...DROP, share: Number.NaN }] },
      'ms is 0, but has to be a whole number from 1 to 60000': {
        faults: [{ method: '*', kind: 'delay', share: 1, ms: 0 }],
      },
      'the code of buy is internal, but has to be one of unavailable, deadline_exceeded': {
        faults: [{ ...DROP, code: 'internal' as never }],
      },
      'seed is -1, but has to be a whole number from 0 to 4294967295': { faults: [DROP], seed: -1 },
      'there are 51 faults, but at most 50': { faults: Array(51).fill(DROP) },
    };
    for (const [message, plan] of Object.entries(wrong)) {
      assert.throws(() => checkFaults(plan), { name: 'RangeError', message });
    }
  });
});
