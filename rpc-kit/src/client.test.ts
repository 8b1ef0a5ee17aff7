import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import sinon from 'sinon';
import { z } from 'zod';
import type { Call, Interceptor } from './call.ts';
import { type CallOptions, createClient } from './client.ts';
import { defineService, fail, failedWith } from './contract.ts';
import { RpcError } from './rpc-error.ts';
import { rawNumber } from './schema/json.ts';
import { int64 } from './schema/wire-types.ts';
import { implement } from './server.ts';

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

/** Remembers the calls that it is given and answers them all alike. */
function stubTransport(answer: (call: Call) => Promise<unknown> = async () => ({ orderID: 1 })) {
  const calls: Call[] = [];
  return {
    calls,
    call(call: Call) {
      calls.push(call);
      return answer(call);
    },
  };
}

async function failureOf(work: Promise<unknown>): Promise<RpcError> {
  const [outcome] = await Promise.allSettled([work]);
  assert.equal(outcome.status, 'rejected');
  assert.ok(outcome.reason instanceof RpcError, String(outcome.reason));
  return outcome.reason;
}

describe('a client', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    // Not `nextTick`, which the test runner's own output uses.
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  });
  afterEach(() => {
    assert.equal(clock.countTimers(), 0);
    clock.restore();
  });

  it('sends params in wire form and returns the decoded result', async () => {
    const transport = stubTransport(async () => ({ orderID: rawNumber('9223372036854775807') }));
    assert.deepEqual(await createClient(loms, transport).createOrder({ user: 5n }), { orderID: 2n ** 63n - 1n });
    const [call] = transport.calls;
    assert.deepEqual([call?.service, call?.method, call?.params], ['loms', 'createOrder', { user: 5 }]);
    assert.equal(call?.contract, loms.methods.createOrder);
  });

  it('does not compile with params of another shape', () => {
    const client = createClient(loms, stubTransport());
    const _refused = [
      // @ts-expect-error a number is no bigint
      () => client.createOrder({ user: 5 }),
      // @ts-expect-error there is no such method
      () => client.deleteOrder({}),
    ];
    assert.equal(_refused.length, 2);
  });

  it('refuses params that do not fit before it sends anything', async () => {
    const transport = stubTransport();
    const { code } = await failureOf(createClient(loms, transport).createOrder({ user: 2n ** 63n }));
    assert.deepEqual([code, transport.calls.length], ['invalid_params', 0]);
  });

  it('passes its options on, and creates a request id when they have none', async () => {
    const transport = stubTransport();
    const client = createClient(loms, transport);
    await client.createOrder(
      { user: 5n },
      { requestId: 'r1', traceparent: '00-1', idempotencyKey: 'k1', nested: true },
    );
    await client.createOrder({ user: 5n });
    await client.createOrder({ user: 5n });
    const [first, second, third] = transport.calls as [Call, Call, Call];
    assert.deepEqual([first.requestId, first.traceparent, first.nested], ['r1', '00-1', true]);
    assert.deepEqual(first.caller, { idempotencyKey: 'k1' });
    assert.match(second.requestId, /^[0-9a-f-]{36}$/);
    assert.notEqual(second.requestId, third.requestId);
  });

  describe('by its deadline', () => {
    for (const [what, options, expectedMs] of [
      ["takes the contract's timeout by default", {}, 100],
      ['may be given a shorter one', { timeoutMs: 40 }, 40],
      ['is never given a longer one', { timeoutMs: 1_000 }, 100],
      ['keeps the deadline of the call that it is part of', { deadlineAt: 30 }, 30],
      ['takes the soonest of all', { deadlineAt: 30, timeoutMs: 20 }, 20],
    ] as const satisfies [string, CallOptions, number][]) {
      it(what, async () => {
        const transport = stubTransport(() => new Promise(() => {}));
        const failure = failureOf(createClient(loms, transport).createOrder({ user: 5n }, options));
        assert.equal(transport.calls[0]?.deadlineAt, expectedMs);
        await clock.tickAsync(expectedMs - 1);
        assert.equal(transport.calls[0]?.signal.aborted, false);
        await clock.tickAsync(1);
        assert.equal((await failure).code, 'deadline_exceeded');
        assert.ok(transport.calls[0]?.signal.aborted);
      });
    }

    it('sends nothing when it has passed already', async () => {
      clock.tick(50);
      const transport = stubTransport();
      const { code } = await failureOf(createClient(loms, transport).createOrder({ user: 5n }, { deadlineAt: 50 }));
      assert.deepEqual([code, transport.calls.length], ['deadline_exceeded', 0]);
    });
  });

  it('ends the call when its caller cancels, and listens no longer', async () => {
    const caller = new AbortController();
    const transport = stubTransport(() => new Promise(() => {}));
    const failure = failureOf(createClient(loms, transport).createOrder({ user: 5n }, { signal: caller.signal }));
    caller.abort();
    assert.equal((await failure).code, 'cancelled');
    assert.ok(transport.calls[0]?.signal.aborted);
    assert.equal(getEventListeners(caller.signal, 'abort').length, 0);
  });

  it('sends nothing when its caller has cancelled already', async () => {
    const transport = stubTransport();
    const { code } = await failureOf(
      createClient(loms, transport).createOrder({ user: 5n }, { signal: AbortSignal.abort() }),
    );
    assert.deepEqual([code, transport.calls.length], ['cancelled', 0]);
  });

  it('makes an RpcError of whatever a transport throws', async () => {
    const client = createClient(
      loms,
      stubTransport(() => Promise.reject(new TypeError('no'))),
    );
    assert.equal((await failureOf(client.createOrder({ user: 5n }))).code, 'internal');
  });

  it('puts its interceptors around the transport, the first outermost', async () => {
    const log: string[] = [];
    const noted =
      (name: string): Interceptor =>
      (next) =>
      (call) => {
        log.push(name);
        return next(call);
      };
    const transport = stubTransport(async () => {
      log.push('transport');
      return { orderID: 1 };
    });
    const client = createClient(loms, transport, { interceptors: [noted('first'), noted('second')] });
    await client.createOrder({ user: 5n });
    assert.deepEqual(log, ['first', 'second', 'transport']);
  });
});

describe('a client of a service in the same process', () => {
  it('calls it through both contracts, without a network', async () => {
    const service = implement(loms, { createOrder: async ({ user }) => ({ orderID: user * 2n }) });
    const client = createClient(loms, service);
    assert.deepEqual(await client.createOrder({ user: 2n ** 61n }), { orderID: 2n ** 62n });
  });

  it('narrows its errors by the contract', async () => {
    const service = implement(loms, {
      createOrder: () => Promise.reject(fail(loms.methods.createOrder, 'out_of_stock', { sku: 2n ** 62n })),
    });
    const error: unknown = await failureOf(createClient(loms, service).createOrder({ user: 1n }));
    assert.ok(failedWith(error, loms.methods.createOrder, 'out_of_stock'));
    assert.equal(error.details.sku, 2n ** 62n);
  });

  it('passes deadline, request id and cancellation from call to call', async () => {
    const seen: Call[] = [];
    const inner = implement(loms, {
      async createOrder(_params, call) {
        seen.push(call);
        return { orderID: 1n };
      },
    });
    const innerClient = createClient(loms, inner);
    const outer = implement(loms, {
      async createOrder({ user }, call) {
        seen.push(call);
        return innerClient.createOrder({ user }, call);
      },
    });
    await createClient(loms, outer).createOrder({ user: 1n }, { requestId: 'r1', timeoutMs: 50, idempotencyKey: 'k1' });
    const [first, second] = seen as [Call, Call];
    assert.equal(second.requestId, 'r1');
    assert.ok(second.deadlineAt <= first.deadlineAt + 1);
    // What a caller says of itself does not travel on.
    assert.deepEqual([first.caller.idempotencyKey, second.caller.idempotencyKey], ['k1', undefined]);
  });
});
