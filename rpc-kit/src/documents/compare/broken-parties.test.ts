import assert from 'node:assert/strict';
import { z } from 'zod';
import { defineService, type MethodContract } from '../../contract.ts';
import { stringifyJson } from '../../schema/json.ts';
import { int64, text, uint32 } from '../../schema/wire-types.ts';
import { stream } from '../../stream.ts';
import { openRpcDocument } from '../openrpc.ts';
import { contractChanges } from './contract-changes.ts';
import { parseContractFaces, parseOpenRpc, stringifyContractFaces, toContractFace } from './contract-face.ts';

const params = { sku: uint32, note: text(20).nullable().optional(), by: z.record(z.string(), uint32).optional() };
const result = { orderID: int64, state: z.union([z.literal('new'), z.null()]) };

const method: MethodContract = {
  summary: 'Buys.',
  params: z.strictObject(params),
  result: z.object(result),
  errors: { refused: { code: 'aborted', message: 'Refused' } },
  timeoutMs: 100,
  access: { callers: ['web'] },
  positions: ['sku'],
  example: { params: { sku: 1 }, result: { orderID: 1, state: null } },
};
const shop = (changed: Partial<MethodContract> = {}, more: Record<string, MethodContract> = {}) =>
  defineService('shop', { summary: 'Sells.', version: '1' }, { buy: { ...method, ...changed }, ...more });

const withParams = (changed: z.ZodRawShape) => shop({ params: z.strictObject({ ...params, ...changed }) });
const withResult = (changed: z.ZodRawShape) => shop({ result: z.object({ ...result, ...changed }) });

const changesTo = (after: ReturnType<typeof shop>, before = shop()) =>
  contractChanges(toContractFace(before), toContractFace(after)).map(
    ({ subject, sentence, breaks }) => `${breaks.join(' and ') || 'neither'}: ${subject}: ${sentence}`,
  );

describe('Whom a change of a contract breaks:', () => {
  for (const [what, after, changes] of [
    ['a method that is new', shop({}, { sell: method }), ['services: sell: the method is new.']],
    ['a new optional param', withParams({ user: uint32.optional() }), ['services: buy: the param "user" is new.']],
    [
      'a new required param',
      withParams({ user: uint32 }),
      ['callers: buy: the param "user" is required now.', 'services: buy: the param "user" is new.'],
    ],
    [
      'a required param that becomes optional',
      withParams({ sku: uint32.optional() }),
      ['services: buy: the param "sku" is optional now.'],
    ],
    [
      'another type of a param',
      withParams({ sku: text(5) }),
      ['callers and services: buy: the param "sku" had the type integer, and has string now.'],
    ],
    [
      'a param that may be longer',
      withParams({ note: text(30).nullable().optional() }),
      ['services: buy: the param "note" accepts string (1 to 30) now.'],
    ],
    [
      'a param that may no longer be null',
      withParams({ note: text(20).optional() }),
      ['callers: buy: the param "note" no longer accepts null.'],
    ],
    [
      'narrower values of a record',
      withParams({ by: z.record(z.string(), uint32.max(5)).optional() }),
      ['callers: buy: the param "by/*" had the maximum 4294967295, and has 5 now.'],
    ],
    ['a new member of the result', withResult({ more: uint32 }), ['services: buy: "more" of the result is new.']],
    [
      'a new optional member of the result',
      withResult({ more: uint32.optional() }),
      ['neither: buy: "more" of the result is new.'],
    ],
    [
      'an alternative that is new in the result',
      withResult({ state: z.union([z.literal('new'), z.literal('paid'), z.null()]) }),
      ['callers: buy: "state" of the result may be "paid" now, which earlier callers do not know.'],
    ],
    [
      'an alternative that is gone from the result',
      withResult({ state: z.literal('new') }),
      ['services: buy: "state" of the result is no longer null.'],
    ],
    ['a caller that is new', shop({ access: { callers: ['web', 'app'] } }), ['services: buy: app may call it now.']],
    ['a reason that is gone', shop({ errors: {} }), ['callers: buy: the reason refused is gone.']],
    [
      'a reason that is new',
      shop({ errors: { ...method.errors, late: { code: 'aborted', message: 'Late' } } }),
      ['neither: buy: the reason late is new.'],
    ],
    [
      'details that are new',
      shop({ errors: { refused: { code: 'aborted', message: 'Refused', details: z.object({}) } } }),
      ['services: buy: the reason refused has details now.'],
    ],
    ['a shorter timeout', shop({ timeoutMs: 99 }), ['callers: buy: its timeout was 100 ms, and is 99 ms now.']],
    ['a longer timeout', shop({ timeoutMs: 101 }), ['neither: buy: its timeout was 100 ms, and is 101 ms now.']],
    ['a method that only reads now', shop({ reads: true }), ['services: buy: it only reads now.']],
    [
      'a retry that is safe now',
      shop({ retry: 'with-idempotency-key' }),
      ['services: buy: its retry was never, and is with-idempotency-key now.'],
    ],
    [
      'a further position',
      shop({ positions: ['sku', 'note'] }),
      ['services: buy: its positions were sku, and are sku, note now.'],
    ],
    ['positions that are gone', shop({ positions: [] }), ['callers: buy: its positions were sku, and are none now.']],
    [
      'another summary, description and example',
      shop({
        summary: 'Sells.',
        description: 'More.',
        example: { params: { sku: 2 }, result: { orderID: 2, state: 'new' } },
      }),
      [],
    ],
  ] as const) {
    it(what, () => assert.deepEqual(changesTo(after), changes));
  }

  it('a retry that is no longer safe', () => {
    assert.deepEqual(changesTo(shop(), shop({ retry: 'safe' })), [
      'callers: buy: its retry was safe, and is never now.',
    ]);
  });

  it('a member of a result that refuses others', () => {
    const before = shop({ result: z.strictObject(result) });
    const after = shop({ result: z.strictObject({ ...result, more: uint32 }) });
    assert.deepEqual(changesTo(after, before), [
      'callers: buy: "more" of the result is new, and earlier callers refuse new members there.',
      'services: buy: "more" of the result is new.',
    ]);
    assert.deepEqual(changesTo(before, after), ['callers and services: buy: "more" of the result is gone.']);
  });

  it('a member of the result that is always there now, or has fewer values', () => {
    const before = withResult({ size: uint32.optional(), kind: z.enum(['a', 'b']) });
    const after = withResult({ size: uint32.max(5), kind: z.enum(['a']) });
    assert.deepEqual(changesTo(after, before), [
      'services: buy: "size" of the result is never missing now.',
      'services: buy: "size" of the result had the maximum 4294967295, and has 5 now.',
      'services: buy: "kind" of the result is no longer "b".',
    ]);
  });

  it('a param that is gone, where the service ignores unknown ones', () => {
    const before = shop({ params: z.object(params) });
    assert.deepEqual(changesTo(shop({ params: z.object({ sku: uint32, note: params.note }) }), before), [
      'neither: buy: the param "by" is gone, and is ignored.',
    ]);
  });

  it('a member of a recursive param that is required', () => {
    const withTree = (more: z.core.$ZodLooseShape) => {
      const tree: z.ZodObject = z.strictObject({ ...more, branches: z.lazy(() => z.array(tree)) });
      return withParams({ tree });
    };
    assert.deepEqual(changesTo(withTree({ size: uint32 }), withTree({})), [
      'callers: buy: the param "tree/size" is required now.',
      'services: buy: the param "tree/size" is new.',
    ]);
  });

  it('a method and a reason with names that every object has', () => {
    const errors = { valueOf: { code: 'aborted', message: 'Refused' } } as const;
    assert.deepEqual(changesTo(shop({ errors: { ...method.errors, ...errors } }, { constructor: method })), [
      'neither: buy: the reason valueOf is new.',
      'services: constructor: the method is new.',
    ]);
  });

  it('a retry that is less safe although the method only reads now', () => {
    assert.deepEqual(changesTo(shop({ reads: true, retry: 'never' }), shop({ retry: 'safe' })), [
      'services: buy: it only reads now.',
      'callers: buy: its retry was safe, and is never now.',
    ]);
  });

  it('a stream that can be resumed now', () => {
    const item = z.object({ seq: uint32 });
    const before = shop({ result: stream(item) });
    const after = shop({ result: stream(item, { id: 'seq' }) });
    assert.deepEqual(changesTo(after, before), [
      'services: buy: it answered with a stream, and answers with a stream of ids "seq" now.',
    ]);
    const resumable = shop({ result: stream(item, { id: 'seq', resume: 'note' }) });
    assert.match(changesTo(resumable, after).join(), /^services: buy: it answered with a stream of ids "seq", and /);
    assert.match(changesTo(after, resumable).join(), /^callers: /);
    assert.match(changesTo(before, after).join(), /^callers: /);
    assert.match(changesTo(shop({ result: item }), before).join(), /^callers and services: buy: it answered with a st/);
  });
});

describe('The face of a contract', () => {
  it('is the same from the contract, from its OpenRPC document, and from a file', () => {
    const face = toContractFace(shop());
    assert.deepEqual(parseOpenRpc(stringifyJson(openRpcDocument(shop()))), face);
    assert.deepEqual(parseContractFaces(stringifyContractFaces([face, face])), [face, face]);
  });

  it('keeps the bounds of 64-bit integers', () => {
    const [face] = parseContractFaces(stringifyContractFaces([toContractFace(shop())]));
    assert.deepEqual(face?.methods.buy?.result.properties, toContractFace(shop()).methods.buy?.result.properties);
    assert.match(stringifyContractFaces([toContractFace(shop())]), /"maximum":9223372036854775807/);
  });
});
