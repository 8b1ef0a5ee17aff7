import assert from 'node:assert/strict';
import { z } from 'zod';
import {
  type DetailsOf,
  defineService,
  fail,
  failedWith,
  type MethodContract,
  type ParamsOf,
  type ReasonOf,
  type ResultOf,
  retrySafetyOf,
} from './contract.ts';
import { RpcError } from './rpc-error.ts';
import { jsonSchema } from './schema/json-schema.ts';
import { int64, uint32 } from './schema/wire-types.ts';

const ABOUT = { summary: 'Keeps orders.', version: '1.0.0' };

const createOrder = {
  summary: 'Creates an order.',
  params: z.strictObject({ user: int64, note: z.string().optional() }),
  result: z.object({ orderID: int64 }),
  errors: {
    out_of_stock: {
      code: 'failed_precondition',
      message: 'There is less on sale',
      details: z.object({ sku: uint32, available: int64 }),
    },
    closed: { code: 'failed_precondition', message: 'The shop is closed' },
  },
  timeoutMs: 100,
  example: { params: { user: 1 }, result: { orderID: 1 } },
} as const satisfies MethodContract;

const listOrders = {
  summary: 'Lists orders.',
  params: z.strictObject({}),
  result: z.object({}),
  timeoutMs: 100,
  reads: true,
  example: { params: {}, result: {} },
} as const satisfies MethodContract;

describe('defineService', () => {
  it('returns the contract as plain data', () => {
    const methods = { createOrder, listOrders };
    assert.deepEqual(defineService('loms', ABOUT, methods), { name: 'loms', ...ABOUT, methods });
  });

  const refused = (name: string, changes: Partial<MethodContract>, message: string): void => {
    assert.throws(() => defineService('loms', ABOUT, { [name]: { ...listOrders, ...changes } }), {
      name: 'TypeError',
      message: `loms.${name}: ${message}`,
    });
  };

  it('refuses a member that no method has, because it may be a misspelt one', () => {
    const members =
      'summary, description, params, result, errors, codes, timeoutMs, reads, priority, waits, polled, batched, retry, access, positions, example';
    const misspelt: object = { read: true };
    refused('list', misspelt, `no method has a member "read"; the members are ${members}`);
  });

  it('refuses names that are no method names', () => {
    for (const name of [
      '',
      'List',
      '1st',
      '_list',
      'list-orders',
      'list.orders',
      'list orders',
      'a'.repeat(65),
      '__proto__x',
    ]) {
      refused(name, {}, 'a method name is a letter and up to 63 letters, digits or underscores');
    }
    assert.ok(defineService('loms', ABOUT, { [`a${'Z9_'.repeat(21)}`]: listOrders }));
  });

  it('refuses names that belong to pages', () => {
    for (const name of ['rpc', 'docs', 'healthz', 'readyz', 'metrics']) {
      refused(name, {}, 'this name belongs to one of the pages of every service');
    }
  });

  it('refuses a method that would make a promise of its client', () => {
    refused('then', {}, '`await` takes a client with a method of this name for a promise, and calls it');
  });

  it('refuses timeouts that are no time', () => {
    for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      refused('list', { timeoutMs }, 'timeoutMs must be a number above 0');
    }
  });

  it('refuses params without declared members, as a JSON Schema without properties gives', () => {
    const params = jsonSchema<{ sku: number }>({ type: 'object', additionalProperties: { type: 'integer' } });
    refused('list', { params }, 'params must be an object with declared members, such as z.strictObject');
  });

  it('refuses positions that name no param', () => {
    for (const position of ['user', 'toString']) {
      refused('list', { positions: [position] }, `positions names "${position}", which is no param`);
    }
  });
});

describe('defineService of a method with optional params', () => {
  const method = {
    summary: 'Lists.',
    params: z.strictObject({ user: z.int(), note: z.string().optional() }),
    result: z.object({}),
    timeoutMs: 100,
    example: { params: { user: 1 }, result: {} },
  };
  const define = (positions: string[]) =>
    defineService('shop', { summary: 'Sells.', version: '1.0.0' }, { list: { ...method, positions } });

  it('refuses a required param after an optional one by position, where the optional one could not be left out', () => {
    const complaint = 'shop.list: positions names "user", which is required, after an optional param';
    assert.throws(() => define(['note', 'user']), { name: 'TypeError', message: complaint });
    assert.doesNotThrow(() => define(['user', 'note']));
  });
});

describe('fail', () => {
  it("makes the error of the contract's words, with the facts", () => {
    const error = fail(createOrder, 'out_of_stock', { sku: 1, available: 2n });
    const { code, message, reason, details } = error;
    assert.deepEqual(
      { code, message, reason, details },
      {
        code: 'failed_precondition',
        message: 'There is less on sale',
        reason: 'out_of_stock',
        details: { sku: 1, available: 2n },
      },
    );
  });

  it('accepts no details where the contract declares none', () => {
    assert.equal(fail(createOrder, 'closed').details, undefined);
  });

  it('does not compile with another reason or other facts', () => {
    // Never called: what counts is that the compiler refuses each line.
    const _refused = [
      // @ts-expect-error a reason that is not declared
      () => fail(createOrder, 'no_such_reason'),
      // @ts-expect-error facts are missing
      () => fail(createOrder, 'out_of_stock'),
      // @ts-expect-error a fact of another type
      () => fail(createOrder, 'out_of_stock', { sku: 1, available: 2 }),
      // @ts-expect-error facts where none are declared
      () => fail(createOrder, 'closed', { sku: 1 }),
      // @ts-expect-error a method without reasons
      () => fail(listOrders, 'closed'),
    ];
    assert.equal(_refused.length, 5);
  });
});

describe('failedWith', () => {
  it('knows the declared reason under its code', () => {
    const error: unknown = fail(createOrder, 'out_of_stock', { sku: 1, available: 2n });
    assert.ok(failedWith(error, createOrder, 'out_of_stock'));
    // The compiler knows the facts from here on.
    const available: bigint = error.details.available;
    assert.equal(available, 2n);
    assert.equal(failedWith(error, createOrder, 'closed'), false);
  });

  it('does not take the reason under another code, nor anything else, for it', () => {
    const others = [
      new RpcError('not_found', 'There is none', { reason: 'out_of_stock' }),
      new RpcError('failed_precondition', 'There is less on sale'),
      Object.assign(new Error('no'), { code: 'failed_precondition', reason: 'out_of_stock' }),
      undefined,
    ];
    for (const error of others) assert.equal(failedWith(error, createOrder, 'out_of_stock'), false);
    assert.equal(failedWith(others[0], listOrders, 'out_of_stock' as never), false);
  });
});

describe('the types of a contract', () => {
  it('give handlers and clients the inner side of each schema', () => {
    const params: ParamsOf<typeof createOrder> = { user: 1n };
    const result: ResultOf<typeof createOrder> = { orderID: 1n };
    const reasons: ReasonOf<typeof createOrder>[] = ['out_of_stock', 'closed'];
    const details: DetailsOf<typeof createOrder, 'out_of_stock'> = { sku: 1, available: 1n };
    // @ts-expect-error the wire side
    const wire: ParamsOf<typeof createOrder> = { user: 1 };
    // @ts-expect-error a method without reasons has none
    const none: ReasonOf<typeof listOrders> = 'closed';
    assert.ok([params, result, reasons, details, wire, none].length);
  });
});

describe('retrySafetyOf', () => {
  it('is safe for methods that only read and never for others, unless the contract says otherwise', () => {
    assert.equal(retrySafetyOf(listOrders), 'safe');
    assert.equal(retrySafetyOf(createOrder), 'never');
    assert.equal(retrySafetyOf({ ...createOrder, retry: 'with-idempotency-key' }), 'with-idempotency-key');
    assert.equal(retrySafetyOf({ ...listOrders, retry: 'never' }), 'never');
  });
});
