import assert from 'node:assert/strict';
import { z } from 'zod';
import { defineService, type MethodContract } from '../../contract.ts';
import { int64, text, timestamp, uint16, uint32 } from '../../schema/wire-types.ts';
import { stream } from '../../stream.ts';
import { contractChanges, type Party } from './contract-changes.ts';
import { type ContractFace, toContractFace } from './contract-face.ts';

const params = {
  sku: uint32,
  count: uint16.min(1).max(10).meta({ format: 'uint16' }),
  name: text(20),
  items: z.array(z.strictObject({ sku: uint32 })).max(5),
  status: z.enum(['new', 'paid']).optional(),
  note: z.string().optional(),
};
const result = {
  orderID: int64,
  status: z.enum(['new', 'paid']),
  at: timestamp.optional(),
  lines: z.array(z.object({ price: uint32 })),
  sum: uint32.max(100),
};
const refused = { code: 'not_found', message: 'None', details: z.object({ sku: uint32 }) } as const;

const released: MethodContract = {
  summary: 'Buys.',
  params: z.strictObject(params),
  result: z.object(result),
  errors: { refused },
  timeoutMs: 1,
  reads: true,
  access: { callers: ['gateway', 'checkout'] },
  positions: ['sku', 'count'],
  example: { params: {}, result: {} },
};

const event = z.object({ seq: uint32, user: int64 });

const faceOf = (method: Partial<MethodContract> | undefined, schema: z.ZodObject | undefined = event): ContractFace => {
  const methods: Record<string, MethodContract> = method ? { buy: { ...released, ...method } } : {};
  const events = schema && { Sold: { summary: 'Sold.', schema } };
  return toContractFace(defineService('shop', { summary: 'Sells.', version: '1', ...(events && { events }) }, methods));
};

/** Sentences of the changes that break the party. */
const breaking = (party: Party, before: ContractFace, after: ContractFace): string[] =>
  contractChanges(before, after)
    .filter(({ breaks }) => breaks.includes(party))
    .map(({ subject, sentence }) => `${subject}: ${sentence}`);
const breakingChanges = (before: ContractFace, after: ContractFace): string[] => breaking('callers', before, after);

describe('A change of a contract', () => {
  for (const [what, method, sentences] of [
    [
      'a param that becomes required',
      { params: { ...params, note: z.string() } },
      ['the param "note" is required now.'],
    ],
    ['a new required param', { params: { ...params, user: int64 } }, ['the param "user" is required now.']],
    ['a param that is gone', { params: { ...params, note: undefined } }, ['the param "note" is no longer accepted.']],
    [
      'a member of an item that becomes required',
      { params: { ...params, items: z.array(z.strictObject({ sku: uint32, count: uint32 })).max(5) } },
      ['the param "items/count" is required now.'],
    ],
    [
      'a lower maximum of a param',
      { params: { ...params, count: uint16.min(1).max(9).meta({ format: 'uint16' }) } },
      ['the param "count" had the maximum 10, and has 9 now.'],
    ],
    [
      'a shorter text',
      { params: { ...params, name: text(19) } },
      ['the param "name" had the maxLength 20, and has 19 now.'],
    ],
    [
      'a narrower number',
      { params: { ...params, sku: uint16 } },
      ['the param "sku" had the maximum 4294967295, and has 65535 now.'],
    ],
    [
      'another type of a param',
      { params: { ...params, sku: text(5) } },
      ['the param "sku" had the type integer, and has string now.'],
    ],
    [
      'a shorter list',
      { params: { ...params, items: z.array(z.strictObject({ sku: uint32 })).max(4) } },
      ['the param "items" had the maxItems 5, and has 4 now.'],
    ],
    [
      'a choice that is gone',
      { params: { ...params, status: z.enum(['new']).optional() } },
      ['the param "status" no longer accepts "paid".'],
    ],
    [
      'a new pattern',
      { params: { ...params, note: z.string().regex(/^a$/).optional() } },
      ['the param "note" had the pattern none, and has ^a$ now.'],
    ],
    [
      'a member of the result that is gone',
      { result: { ...result, orderID: undefined } },
      ['"orderID" of the result is gone.'],
    ],
    [
      'an optional member of the result that is gone',
      { result: { ...result, at: undefined } },
      ['"at" of the result is gone.'],
    ],
    [
      'a member of the result that becomes optional',
      { result: { ...result, orderID: int64.optional() } },
      ['"orderID" of the result may be missing now.'],
    ],
    [
      'a member of a line of the result that is gone',
      { result: { ...result, lines: z.array(z.object({})) } },
      ['"lines/price" of the result is gone.'],
    ],
    [
      'a wider number in the result',
      { result: { ...result, sum: uint32.max(200) } },
      ['"sum" of the result had the maximum 100, and has 200 now.'],
    ],
    [
      'a new choice in the result',
      { result: { ...result, status: z.enum(['new', 'paid', 'lost']) } },
      ['"status" of the result may be "lost" now, which earlier callers do not know.'],
    ],
    [
      'a time that becomes any text',
      { result: { ...result, at: z.string().optional() } },
      ['"at" of the result had the format date-time, and has none now.', /"at" of the result had the pattern/],
    ],
  ] as const) {
    it(`is found: ${what}`, () => {
      const shapes = Object.entries(method).map(([part, shape]) => {
        const members = Object.fromEntries(Object.entries(shape).filter(([, member]) => member !== undefined));
        return [part, part === 'params' ? z.strictObject(members) : z.object(members)];
      });
      const positions = 'params' in method ? { positions: ['sku', 'count'] } : {};
      const found = breakingChanges(faceOf({}), faceOf({ ...Object.fromEntries(shapes), ...positions }));
      assert.equal(found.length, sentences.length, found.join('\n'));
      for (const [index, sentence] of sentences.entries()) {
        if (typeof sentence === 'string') assert.equal(found[index], `buy: ${sentence}`);
        else assert.match(found[index] ?? '', sentence);
      }
    });
  }

  for (const [what, method, sentences] of [
    ['a method that is gone', undefined, ['the method is gone.']],
    ['a caller that is gone', { access: { callers: ['gateway'] } }, ['checkout may no longer call it.']],
    ['other positions', { positions: ['count', 'sku'] }, ['its positions were sku, count, and are count, sku now.']],
    ['a method that writes now', { reads: false }, ['it no longer only reads, so GET and free retries are refused.']],
    [
      'a result that becomes a stream',
      { result: stream(z.object(result)) },
      ['it answered with one value, and answers with a stream now.'],
    ],
    [
      'another code of a reason',
      { errors: { refused: { ...refused, code: 'aborted' } } },
      ['the reason refused had the code not_found, and has aborted now.'],
    ],
    [
      'details that are gone',
      { errors: { refused: { code: 'not_found', message: 'None' } } },
      ['the reason refused has no details any more.'],
    ],
    [
      'a member of details that is gone',
      { errors: { refused: { ...refused, details: z.object({}) } } },
      ['"sku" of the details of refused is gone.'],
    ],
  ] as const) {
    it(`is found: ${what}`, () => {
      const found = breakingChanges(faceOf({}), faceOf(method as Partial<MethodContract> | undefined));
      assert.deepEqual(
        found,
        sentences.map((sentence) => `buy: ${sentence}`),
      );
    });
  }

  it('is found in an event', () => {
    const sentences = (schema?: z.ZodObject) =>
      breakingChanges(faceOf({}), faceOf({}, schema ?? z.object({ seq: uint32 })));
    assert.deepEqual(sentences(), ['Sold: "user" of the event is gone.']);
  });

  for (const [what, method] of [
    ['a new optional param', { params: z.strictObject({ ...params, user: int64.optional() }) }],
    ['a param that becomes optional', { params: z.strictObject({ ...params, name: text(20).optional() }) }],
    ['a wider param', { params: z.strictObject({ ...params, count: uint16, sku: z.number() }) }],
    [
      'a new choice of a param',
      { params: z.strictObject({ ...params, status: z.enum(['new', 'paid', 'lost']).optional() }) },
    ],
    ['a new member of the result', { result: z.object({ ...result, more: z.string() }) }],
    ['an optional member of the result that is always there now', { result: z.object({ ...result, at: timestamp }) }],
    ['a new reason', { errors: { refused, other: { code: 'aborted', message: 'Other' } } }],
    [
      'another caller, another position and another timeout',
      { access: { callers: ['gateway', 'checkout', 'loms'] }, positions: ['sku', 'count', 'name'], timeoutMs: 5 },
    ],
  ] as const) {
    it(`breaks no caller: ${what}`, () => {
      assert.deepEqual(breakingChanges(faceOf({}), faceOf(method as Partial<MethodContract>)), []);
    });
  }
});
