import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import sinon from 'sinon';
import { z } from 'zod';
import type { Call, Interceptor } from './call.ts';
import { defineService, fail } from './contract.ts';
import { RpcError } from './rpc-error.ts';
import { int64 } from './schema/wire-types.ts';
import { type Handlers, implement } from './server.ts';
import { testCall } from './testing.ts';

const loms = defineService(
  'loms',
  { summary: 'Keeps orders.', version: '1.0.0' },
  {
    createOrder: {
      summary: 'Creates an order.',
      params: z.strictObject({ user: int64 }),
      result: z.object({ orderID: int64 }),
      errors: {
        out_of_stock: {
          code: 'failed_precondition',
          message: 'There is less on sale',
          details: z.object({ sku: int64 }),
        },
      },
      timeoutMs: 100,
      example: { params: { user: 1 }, result: { orderID: 1 } },
    },
  },
);

type CreateOrder = Handlers<typeof loms.methods>['createOrder'];

const call = (overrides: Partial<Call> = {}): Call =>
  testCall({ service: 'loms', method: 'createOrder', params: { user: 5 }, ...overrides });

const serviceOf = (createOrder: CreateOrder, interceptors: readonly Interceptor[] = []) =>
  implement(loms, { createOrder }, { interceptors });

async function failureOf(work: Promise<unknown>): Promise<RpcError> {
  const [outcome] = await Promise.allSettled([work]);
  assert.equal(outcome.status, 'rejected');
  assert.ok(outcome.reason instanceof RpcError, String(outcome.reason));
  return outcome.reason;
}

describe('a service', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    // Not nextTick: it also counts as a timer, and the test runner's output uses it.
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    assert.equal(clock.countTimers(), 0);
    clock.restore();
  });

  it('does not compile without a handler for every method, or with one that returns another type', () => {
    const _refused = [
      // @ts-expect-error a handler is missing
      () => implement(loms, {}),
      // @ts-expect-error a number is no bigint
      () => implement(loms, { createOrder: async () => ({ orderID: 1 }) }),
    ];
    assert.equal(_refused.length, 2);
  });

  it('passes decoded params to the handler and returns the result in wire form', async () => {
    const createOrder = sinon.fake(async ({ user }: { user: bigint }) => ({ orderID: user + 1n }));
    assert.deepEqual(await serviceOf(createOrder).call(call()), { orderID: 6 });
    assert.deepEqual(createOrder.firstCall.args[0], { user: 5n });
  });

  it('passes the call on with its contract, its own deadline and the mark that makes its calls nested', async () => {
    let seen: Call | undefined;
    await serviceOf(async (_params, handed) => {
      seen = handed;
      return { orderID: 1n };
    }).call(call({ requestId: 'r1', traceparent: '00-1', caller: { name: 'shop/1', idempotencyKey: 'k1' } }));
    assert.equal(seen?.contract, loms.methods.createOrder);
    assert.equal(seen?.deadlineAt, performance.now() + 100);
    assert.deepEqual([seen?.requestId, seen?.traceparent, seen?.nested], ['r1', '00-1', true]);
    assert.equal(seen?.startedAt, performance.now());
    assert.deepEqual(seen?.caller, { name: 'shop/1', idempotencyKey: 'k1' });
  });

  it('refuses params that do not fit, and the handler is not called', async () => {
    const createOrder = sinon.fake.rejects(new Error('called'));
    assert.equal(
      (await failureOf(serviceOf(createOrder).call(call({ params: { user: 'x' } })))).code,
      'invalid_params',
    );
    assert.equal(createOrder.called, false);
  });

  describe('whose handler fails', () => {
    for (const [what, thrown] of [
      ['an Error', new Error('SELECT secret')],
      ['no error at all', 'text'],
      ['nothing', undefined],
    ] as const) {
      it(`with ${what} fails with internal and keeps it as the cause`, async () => {
        const { code, message, cause } = await failureOf(serviceOf(() => Promise.reject(thrown)).call(call()));
        assert.deepEqual([code, message, cause], ['internal', 'Internal error', thrown]);
      });
    }

    it('before it returns a promise fails with internal too', async () => {
      const failing: CreateOrder = () => {
        throw new Error('too early');
      };
      assert.equal((await failureOf(serviceOf(failing).call(call()))).code, 'internal');
    });

    it('for a declared reason fails with it, its details in wire form', async () => {
      const failing: CreateOrder = async () => {
        throw fail(loms.methods.createOrder, 'out_of_stock', { sku: 5n });
      };
      const { code, reason, details } = await failureOf(serviceOf(failing).call(call()));
      assert.deepEqual([code, reason, details], ['failed_precondition', 'out_of_stock', { sku: 5 }]);
    });

    it('for an undeclared reason fails with internal', async () => {
      const failing: CreateOrder = async () => {
        throw new RpcError('not_found', 'no', { reason: 'no_such_user' });
      };
      assert.equal((await failureOf(serviceOf(failing).call(call()))).code, 'internal');
    });

    it('with a bare code fails with it, but never says that the call did not arrive', async () => {
      const failing: CreateOrder = async () => {
        throw new RpcError('unavailable', 'stock cannot be reached', { neverSent: true, retryAfterMs: 50 });
      };
      const { code, message, neverSent, retryAfterMs } = await failureOf(serviceOf(failing).call(call()));
      assert.deepEqual([code, message, neverSent, retryAfterMs], ['unavailable', 'stock cannot be reached', false, 50]);
    });

    it('to give a result of its contract fails with internal', async () => {
      const wrong = (async () => ({ orderID: 'one' })) as unknown as CreateOrder;
      assert.equal((await failureOf(serviceOf(wrong).call(call()))).code, 'internal');
    });
  });

  describe('whose time runs out', () => {
    const createOrder = sinon.fake(async () => ({ orderID: 1n }));
    beforeEach(() => createOrder.resetHistory());

    it('before the call begins does not call the handler', async () => {
      clock.tick(10);
      assert.equal((await failureOf(serviceOf(createOrder).call(call({ deadlineAt: 10 })))).code, 'deadline_exceeded');
      assert.equal(createOrder.called, false);
    });

    it('while an interceptor waits does not call the handler', async () => {
      const waiting: Interceptor = (next) => async (waited) => {
        await clock.tickAsync(100);
        return next(waited);
      };
      assert.equal((await failureOf(serviceOf(createOrder, [waiting]).call(call()))).code, 'deadline_exceeded');
      assert.equal(createOrder.called, false);
    });

    it('does not wait for a handler that ignores its signal', async () => {
      const failure = failureOf(serviceOf(() => new Promise(() => {})).call(call()));
      await clock.tickAsync(100);
      assert.equal((await failure).code, 'deadline_exceeded');
    });

    it("uses the caller's deadline when that is sooner, and never a later one", async () => {
      for (const [deadlineAt, expected] of [
        [40, 40],
        [1_000, 100],
      ] as const) {
        const startedAt = performance.now();
        const failure = failureOf(
          serviceOf(() => new Promise(() => {})).call(call({ deadlineAt: startedAt + deadlineAt })),
        );
        await clock.tickAsync(expected - 1);
        assert.equal(await Promise.race([failure, 'still waiting']), 'still waiting');
        await clock.tickAsync(1);
        assert.equal((await failure).code, 'deadline_exceeded');
      }
    });
  });

  it('aborts the signal of its handler when the caller leaves, and removes its listener', async () => {
    const caller = new AbortController();
    let signal: AbortSignal | undefined;
    const failure = failureOf(
      serviceOf((_params, handed) => {
        signal = handed.signal;
        return new Promise(() => {});
      }).call(call({ signal: caller.signal })),
    );
    caller.abort(new RpcError('cancelled', 'The caller went away'));
    assert.equal((await failure).code, 'cancelled');
    assert.ok(signal?.aborted);
    assert.equal(getEventListeners(caller.signal, 'abort').length, 0);
  });

  describe('called by an unknown method', () => {
    for (const method of ['no_such', 'toString', '__proto__', '']) {
      it(`"${method}" fails with method_not_found, which its interceptors see`, async () => {
        const seen: (Call['contract'] | 'not called')[] = [];
        const noting: Interceptor = (next) => (noted) => {
          seen.push(noted.contract);
          return next(noted);
        };
        const service = serviceOf(async () => ({ orderID: 1n }), [noting]);
        const { code, message } = await failureOf(service.call(call({ method })));
        assert.deepEqual([code, message, seen], ['method_not_found', 'Method not found', [undefined]]);
      });
    }
  });

  it('makes an RpcError of what an interceptor throws', async () => {
    const broken: Interceptor = () => () => Promise.reject(new TypeError('no'));
    assert.equal((await failureOf(serviceOf(async () => ({ orderID: 1n }), [broken]).call(call()))).code, 'internal');
  });
});
