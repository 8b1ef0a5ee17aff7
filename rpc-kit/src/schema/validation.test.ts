import assert from 'node:assert/strict';
import { z } from 'zod';
import { fail, type MethodContract } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { rawNumber, stringifyJson } from './json.ts';
import {
  decodeError,
  decodeParams,
  decodeResult,
  encodeError,
  encodeParams,
  encodeResult,
  invalidParamsDetails,
} from './validation.ts';
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

  it('an empty list means no params, even where the contract has no positions', () => {
    const noOrder = { ...addToCart, params: z.strictObject({ note: z.string().optional() }), positions: undefined };
    assert.deepEqual(decodeParams(noOrder, []), {});
    const { message } = refusalOf(() => decodeParams(noOrder, ['note']));
    assert.equal(message, 'Invalid params: this method takes its params by name');
  });
});

describe('params on their way out', () => {
  it('leave in wire form', () => {
    assert.equal(
      stringifyJson(encodeParams(addToCart, { user: 2n ** 63n - 1n, count: 1 })),
      '{"user":9223372036854775807,"count":1}',
    );
  });

  it('that do not fit are refused in the same words as on their way in', () => {
    const { code, message, details } = refusalOf(() => encodeParams(addToCart, { user: 2n ** 63n, count: -1 }));
    const [user, count] = [
      'expected a whole number from -9223372036854775808 to 9223372036854775807',
      'expected a whole number from 0 to 65535',
    ];
    assert.deepEqual(
      [code, message, details],
      [
        'invalid_params',
        `Invalid params: user: ${user}`,
        {
          issues: [
            { path: 'user', message: user },
            { path: 'count', message: count },
          ],
        },
      ],
    );
  });
});

describe('params by position', () => {
  it('become params by name, and omitted ones stay omitted', () => {
    assert.deepEqual(decodeParams(addToCart, [1, 2]), { user: 1n, count: 2 });
    const { details } = refusalOf(() => decodeParams(addToCart, [1]));
    assert.deepEqual(
      invalidParamsDetails.parse(details).issues.map(({ path }) => path),
      ['count'],
    );
  });

  it('beyond the order of the contract are refused', () => {
    const { message } = refusalOf(() => decodeParams(addToCart, [1, 2, 'note']));
    assert.equal(message, 'Invalid params: at most 2 by position');
  });
});

describe('refused params', () => {
  it('are named by at most 20 of their mistakes', () => {
    const list = { ...addToCart, params: z.strictObject({ counts: z.array(uint16) }), positions: undefined };
    const { details, message } = refusalOf(() => decodeParams(list, { counts: Array(1_000).fill(-1) }));
    const { issues } = invalidParamsDetails.parse(details);
    assert.equal(issues.length, 20);
    assert.deepEqual(issues[19], { path: 'counts/19', message: 'expected a whole number from 0 to 65535' });
    assert.equal(message, 'Invalid params: counts/0: expected a whole number from 0 to 65535');
  });
});

describe('results', () => {
  it('leave in wire form and arrive in inner form', () => {
    const wire = encodeResult(addToCart, { total: 2n ** 62n });
    assert.equal(stringifyJson(wire), '{"total":4611686018427387904}');
    assert.deepEqual(decodeResult(addToCart, wire), { total: 2n ** 62n });
  });

  it("that do not fit are the service's own fault, and why stays inside", () => {
    const { code, message, cause } = refusalOf(() => encodeResult(addToCart, { total: 1 }));
    assert.deepEqual([code, message], ['internal', 'Internal error']);
    assert.equal((cause as Error).message, 'The result does not fit the contract');
  });

  it('of a peer that do not fit are internal too', () => {
    const { code, message } = refusalOf(() => decodeResult(addToCart, { total: 'many' }));
    assert.deepEqual([code, message], ['internal', 'The answer does not fit the contract']);
  });

  it('of a newer peer may have members that this contract does not know', () => {
    assert.deepEqual(decodeResult(addToCart, { total: 1, currency: 'EUR' }), { total: 1n });
  });
});

describe('errors on their way out', () => {
  it('without a reason leave as they are', () => {
    const error = new RpcError('unavailable', 'The database is away', { retryAfterMs: 100 });
    assert.equal(encodeError(addToCart, error), error);
  });

  it('of a declared reason leave with their details in wire form, their pause and their cause', () => {
    const cause = new Error('why');
    const error = new RpcError('failed_precondition', 'There is less on sale', {
      reason: 'insufficient_stock',
      details: { available: 2n ** 62n },
      retryAfterMs: 100,
      cause,
    });
    const encoded = encodeError(addToCart, error);
    assert.equal(stringifyJson(encoded.details), '{"available":4611686018427387904}');
    assert.deepEqual(
      [encoded.code, encoded.message, encoded.reason, encoded.retryAfterMs, encoded.cause],
      ['failed_precondition', 'There is less on sale', 'insufficient_stock', 100, cause],
    );
  });

  it('of a declared reason without details leave as they are', () => {
    const error = fail(addToCart, 'cart_closed');
    assert.equal(encodeError(addToCart, error), error);
  });

  for (const [what, error, why] of [
    [
      'an undeclared reason',
      new RpcError('not_found', 'There is none', { reason: 'no_such_cart' }),
      /"no_such_cart" \(not_found\) is not in the contract/,
    ],
    [
      'a declared reason under another code',
      new RpcError('not_found', 'no', { reason: 'cart_closed' }),
      /"cart_closed" \(not_found\) is not in/,
    ],
    ['a reason that every object has', new RpcError('not_found', 'no', { reason: 'toString' }), /"toString"/],
  ] as const) {
    it(`of ${what} leave as internal, and why stays inside`, () => {
      const encoded = encodeError(addToCart, error);
      assert.deepEqual([encoded.code, encoded.message, encoded.reason], ['internal', 'Internal error', undefined]);
      assert.match((encoded.cause as Error).message, why);
    });
  }

  it('of a method without reasons, or of none, can have no reason', () => {
    const error = new RpcError('not_found', 'no', { reason: 'cart_closed' });
    assert.equal(encodeError(undefined, error).code, 'internal');
    assert.equal(encodeError({ ...addToCart, errors: undefined }, error).code, 'internal');
  });

  it('whose details do not fit are internal', () => {
    const error = new RpcError('failed_precondition', 'no', {
      reason: 'insufficient_stock',
      details: { available: 1 },
    });
    const { code, cause } = refusalOf(() => encodeError(addToCart, error));
    assert.equal(code, 'internal');
    assert.equal((cause as Error).message, 'The details of insufficient_stock do not fit the contract');
  });
});

describe("a peer's errors on their way in", () => {
  it('without a reason arrive as they are', () => {
    const error = new RpcError('unavailable', 'It is away', { neverSent: true });
    assert.equal(decodeError(addToCart, error), error);
  });

  it('of a declared reason arrive with their details in inner form', () => {
    const error = new RpcError('failed_precondition', 'no', {
      reason: 'insufficient_stock',
      details: { available: 5 },
      retryAfterMs: 100,
      requestId: 'r1',
    });
    const { details, reason, retryAfterMs, requestId } = decodeError(addToCart, error);
    assert.deepEqual(
      { details, reason, retryAfterMs, requestId },
      { details: { available: 5n }, reason: 'insufficient_stock', retryAfterMs: 100, requestId: 'r1' },
    );
  });

  it('of a declared reason without details lose what the peer adds', () => {
    const error = new RpcError('failed_precondition', 'no', { reason: 'cart_closed', details: { since: 'today' } });
    const { reason, details } = decodeError(addToCart, error);
    assert.deepEqual([reason, details], ['cart_closed', undefined]);
  });

  it('of a reason that this contract does not know, or with other details, keep code, message, pause and request id', () => {
    for (const error of [
      new RpcError('aborted', 'no', { reason: 'newer', details: {}, retryAfterMs: 100, requestId: 'r1' }),
      new RpcError('failed_precondition', 'no', {
        reason: 'insufficient_stock',
        details: { available: 'few' },
        retryAfterMs: 100,
        requestId: 'r1',
      }),
    ]) {
      const { code, message, reason, details, retryAfterMs, requestId } = decodeError(addToCart, error);
      assert.deepEqual(
        { code, message, reason, details, retryAfterMs, requestId },
        { code: error.code, message: 'no', reason: undefined, details: undefined, retryAfterMs: 100, requestId: 'r1' },
      );
    }
  });
});
