import assert from 'node:assert/strict';
import { z } from 'zod';
import type { MethodContract } from './contract.ts';
import { rawNumber } from './json.ts';
import { RpcError } from './rpc-error.ts';
import { decodeParams, invalidParamsDetails } from './validation.ts';
import { int64, uint16 } from './wire-types.ts';

const addToCart = {
  summary: 'Puts goods into the cart.',
  params: z.strictObject({ user: int64, count: uint16, note: z.string().optional() }),
  result: z.object({ total: int64 }),
  errors: {
    insufficient_stock: {
      code: 'failed_precondition',
      message: 'There is less on sale',
      details: z.object({ available: int64 }),
    },
    cart_closed: { code: 'failed_precondition', message: 'The cart is closed' },
  },
  timeoutMs: 100,
  positions: ['user', 'count'],
  example: { params: { user: 1, count: 1 }, result: { total: 1 } },
} as const satisfies MethodContract;

function refusalOf(work: () => unknown): RpcError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof RpcError);
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was refused' });
}

describe('params on their way in', () => {
  it('an issue that quotes what was sent is cut short, so that a large body does not come back', () => {
    const params = { user: 1, count: 1, ['x'.repeat(1_000_000)]: 1, [`y${'\u0001'.repeat(1_000_000)}`]: 1 };
    const { message, details } = refusalOf(() => decodeParams(addToCart, params));
    const { issues } = invalidParamsDetails.parse(details);
    assert.equal(issues.length, 1);
    assert.ok(message.length < 300, `${message.length}`);
    assert.ok(JSON.stringify(issues).length < 2_000);
  });

  it('a number that no double holds is called a number where params should be', () => {
    const { message } = refusalOf(() => decodeParams(addToCart, rawNumber('0.1234567890123456789')));
    assert.equal(message, 'Invalid params: Invalid input: expected object, received number');
  });

  it('no params by position are no params, also where the contract gives no order', () => {
    const noOrder = { ...addToCart, params: z.strictObject({ note: z.string().optional() }), positions: undefined };
    assert.deepEqual(decodeParams(noOrder, []), {});
    const { message } = refusalOf(() => decodeParams(noOrder, ['note']));
    assert.equal(message, 'Invalid params: this method takes its params by name');
  });
});
