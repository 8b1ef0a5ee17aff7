import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import sinon from 'sinon';
import { z } from 'zod';
import type { Emit, Interceptor } from './call.ts';
import { createClient } from './client.ts';
import { defineService, fail, failedWith, type MethodContract, type ResultOf } from './contract.ts';
import { RpcError } from './rpc-error.ts';
import { int64 } from './schema/wire-types.ts';
import { type Handlers, implement } from './server.ts';
import { mistakeInStream, stream } from './stream.ts';
import { testCall } from './testing.ts';

const ABOUT = { summary: 'Counts.', version: '1.0.0' };

const count = {
  summary: 'Counts from a number on.',
  params: z.strictObject({ from: int64, after: int64.optional() }),
  result: stream(z.object({ nr: int64 }), { id: 'nr', resume: 'after' }),
  errors: {
    unlucky: { code: 'failed_precondition', message: 'This number brings bad luck', details: z.object({ nr: int64 }) },
  },
  timeoutMs: 1_000,
  reads: true,
  example: { params: { from: 1 }, result: { nr: 1 } },
} as const satisfies MethodContract;

const counter = defineService('counter', ABOUT, { count });

type Count = Handlers<typeof counter.methods>['count'];

const serviceOf = (handler: Count) => implement(counter, { count: handler });
const clientOf = (handler: Count) => createClient(counter, serviceOf(handler));

/** Counts without end, and says how far it has come. */
function endless() {
  const seen = { last: 0n, ended: false };
  async function* handler({ from }: { from: bigint }) {
    try {
      for (let nr = from; ; nr++) {
        seen.last = nr;
        yield { nr };
      }
    } finally {
      seen.ended = true;
    }
  }
  return { seen, handler };
}

describe('A stream', () => {
  const refused = (changes: Partial<MethodContract>, message: string): void => {
    assert.throws(() => defineService('counter', ABOUT, { count: { ...count, ...changes } }), {
      name: 'TypeError',
      message: `counter.count: ${message}`,
    });
  };

  it('has the type of its items for handlers and clients', () => {
    const item: ResultOf<typeof count> = { nr: 1n };
    const ones = async function* () {
      yield { nr: 1 };
    };
    const _refused = [
      // @ts-expect-error a number is no bigint
      () => serviceOf(ones),
      // @ts-expect-error a promise is no stream
      () => serviceOf(async () => item),
    ];
    assert.equal(_refused.length, 2);
  });

  it('may have items with an id in their metadata', () => {
    const item = z.object({ nr: int64 }).meta({ id: 'Item' });
    assert.equal(mistakeInStream({ result: stream(item, { id: 'nr' }), params: z.strictObject({}) }), undefined);
  });

  it('is refused at load when its id is no member that every item has, or no whole number or text', () => {
    const message = (id: string) =>
      `the id "${id}" of its stream is no required member of the items that is a whole number or a text`;
    refused({ result: stream(z.object({ nr: int64 }), { id: 'seq' }) }, message('seq'));
    refused({ result: stream(z.object({ nr: int64.optional() }), { id: 'nr' }) }, message('nr'));
    refused({ result: stream(z.object({ nr: z.boolean() }), { id: 'nr' }) }, message('nr'));
    refused({ result: stream(z.string(), { id: 'nr' }) }, message('nr'));
  });

  it('is refused at load when it is resumed by what is no optional param, or without an id', () => {
    const item = z.object({ nr: int64 });
    refused(
      { result: stream(item, { id: 'nr', resume: 'from' }) },
      'its stream is resumed by "from", which is no optional param',
    );
    refused(
      { result: stream(item, { id: 'nr', resume: 'to' }) },
      'its stream is resumed by "to", which is no optional param',
    );
    refused(
      { result: stream(item, { resume: 'after' }) },
      'its stream can only be resumed by the id of an item: declare both, id and resume',
    );
  });

  it('gives the items one after another, and ends', async () => {
    const client = clientOf(async function* ({ from }) {
      yield { nr: from };
      await turn();
      yield { nr: from + 1n };
    });
    assert.deepEqual(await Array.fromAsync(client.count({ from: 5n })), [{ nr: 5n }, { nr: 6n }]);
  });

  it('makes no call before the first item is asked for', async () => {
    const handler = sinon.fake(async function* () {});
    const items = clientOf(handler).count({ from: 1n });
    await turn();
    sinon.assert.notCalled(handler);
    assert.deepEqual(await items.next(), { done: true, value: undefined });
    assert.deepEqual(await items.next(), { done: true, value: undefined });
    sinon.assert.calledOnce(handler);
  });

  it('is sent no faster than it is taken', async () => {
    const { seen, handler } = endless();
    const items = clientOf(handler).count({ from: 1n });
    for (let nr = 1n; nr <= 3n; nr++) {
      assert.deepEqual(await items.next(), { done: false, value: { nr } });
      await turn();
      // One item waits for the caller.
      assert.equal(seen.last, nr + 1n);
    }
    await items.return();
  });

  it('ends its handler when the caller leaves the loop', async () => {
    const { seen, handler } = endless();
    for await (const { nr } of clientOf(handler).count({ from: 1n })) if (nr === 3n) break;
    await turn();
    assert.equal(seen.ended, true);
  });

  it('ends its handler when the caller closes it while it waits for an item', async () => {
    let signal: AbortSignal | undefined;
    const items = clientOf(async function* (_params, call) {
      signal = call.signal;
      await new Promise(() => {});
    }).count({ from: 1n });
    const pending = items.next();
    await turn();
    await items.return();
    assert.deepEqual(await pending, { done: true, value: undefined });
    assert.equal(signal?.aborted && signal.reason.code, 'cancelled');
  });

  it('fails with the reasons that the contract declares, before its first item and behind it', async () => {
    const client = clientOf(async function* ({ from }) {
      for (let nr = from; ; nr++) {
        if (nr === 13n) throw fail(count, 'unlucky', { nr });
        yield { nr };
      }
    });
    const isUnlucky = (error: unknown) => failedWith(error, count, 'unlucky') && error.details.nr === 13n;
    await assert.rejects(client.count({ from: 13n }).next(), isUnlucky);
    const items = client.count({ from: 12n });
    assert.deepEqual(await items.next(), { done: false, value: { nr: 12n } });
    await assert.rejects(items.next(), isUnlucky);
    assert.deepEqual(await items.next(), { done: true, value: undefined });
  });

  it('fails as internal with an item that does not fit the contract', async () => {
    const client = clientOf(async function* () {
      yield { nr: 'one' as unknown as bigint };
    });
    await assert.rejects(client.count({ from: 1n }).next(), { code: 'internal', message: 'Internal error' });
  });

  it('ends with the deadline, or when the signal of the caller aborts', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const client = clientOf(async function* () {
        yield { nr: 1n };
        await new Promise(() => {});
      });
      const late = client.count({ from: 1n });
      assert.deepEqual(await late.next(), { done: false, value: { nr: 1n } });
      const expired = assert.rejects(late.next(), { code: 'deadline_exceeded' });
      await clock.tickAsync(count.timeoutMs);
      await expired;
      const caller = new AbortController();
      const left = client.count({ from: 1n }, { signal: caller.signal });
      await left.next();
      caller.abort();
      await assert.rejects(left.next(), { code: 'cancelled' });
      assert.equal(clock.countTimers(), 0);
    } finally {
      clock.restore();
    }
  });

  it('gives an item that waits before the failure that came after it, and then its end', async () => {
    const { handler } = endless();
    const caller = new AbortController();
    const waiting = clientOf(handler).count({ from: 1n }, { signal: caller.signal });
    await waiting.next();
    await turn();
    caller.abort();
    await turn();
    assert.deepEqual(await waiting.next(), { done: false, value: { nr: 2n } });
    await assert.rejects(waiting.next(), { code: 'cancelled' });
    assert.deepEqual(await waiting.next(), { done: true, value: undefined });
  });

  it('is cancelled by `await using`, also while an item waits', async () => {
    const { seen, handler } = endless();
    {
      await using items = clientOf(handler).count({ from: 1n });
      await items.next();
      await turn();
    }
    await turn();
    assert.equal(seen.ended, true);
  });

  it('refuses params before anything is sent, and a call that can carry no items', async () => {
    const { handler } = endless();
    await assert.rejects(
      clientOf(handler)
        .count({ from: 'x' as unknown as bigint })
        .next(),
      { code: 'invalid_params' },
    );
    const call = testCall({ service: 'counter', method: 'count', params: { from: 1 } });
    await assert.rejects(serviceOf(handler).call(call), {
      code: 'unimplemented',
      message: 'count answers with a stream of items: call POST /count or use gRPC',
    });
  });

  it('passes interceptors as one call, whose result is nothing and whose items are in wire form', async () => {
    const items: unknown[] = [];
    const results: unknown[] = [];
    const spy: Interceptor = (next) => async (call) => {
      const emit: Emit = async (item) => {
        items.push(item);
        await call.emit?.(item);
      };
      results.push(await next({ ...call, emit }));
    };
    const service = implement(
      counter,
      {
        count: async function* () {
          yield { nr: 7n };
        },
      },
      { interceptors: [spy] },
    );
    const client = createClient(counter, service, { interceptors: [spy] });
    assert.deepEqual(await Array.fromAsync(client.count({ from: 1n })), [{ nr: 7n }]);
    assert.deepEqual(
      [items, results],
      [
        [{ nr: 7 }, { nr: 7 }],
        [undefined, undefined],
      ],
    );
  });

  it('fails when a peer sends an item that does not fit the contract, and rejects what the peer emitted', async () => {
    let rejected: unknown;
    const client = createClient(counter, {
      call: (call) =>
        (call.emit as Emit)({ nr: 'one' }).catch((error) => {
          rejected = error;
          throw error;
        }),
    });
    await assert.rejects(client.count({ from: 1n }).next(), {
      code: 'internal',
      message: 'The answer does not fit the contract',
    });
    assert.ok(rejected instanceof RpcError && rejected.code === 'internal');
  });
});
