import assert from 'node:assert/strict';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AlwaysOffSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { z } from 'zod';
import type { Call } from '../call.ts';
import { createClient } from '../client.ts';
import { defineService, fail } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { implement } from '../server.ts';
import { testCall } from '../testing.ts';
import { parseTraceparent } from './trace-context.ts';
import { clientTracing, serverTracing } from './tracing.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const SAMPLED = `00-${TRACE}-${SPAN}-01`;

const shop = defineService(
  'shop',
  { summary: 'Sells.', version: '1.0.0' },
  {
    sell: {
      summary: 'Sells one.',
      params: z.strictObject({ name: z.string().max(20) }),
      result: z.object({ price: z.int() }),
      errors: { sold_out: { code: 'failed_precondition', message: 'There is none left.' } },
      timeoutMs: 1_000,
      example: { params: { name: 'tea' }, result: { price: 1 } },
    },
  },
);
const { sell } = shop.methods;

describe('tracing', () => {
  const exporter = new InMemorySpanExporter();
  const contextManager = new AsyncLocalStorageContextManager();
  const tracer = tracerOf(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));

  before(() => {
    context.setGlobalContextManager(contextManager.enable());
  });
  after(() => {
    context.disable();
  });
  beforeEach(() => exporter.reset());

  const spans = (): ReadableSpan[] => exporter.getFinishedSpans();
  const only = (): ReadableSpan => {
    assert.equal(spans().length, 1);
    return spans()[0] as ReadableSpan;
  };
  const serve = (overrides: Partial<Call>, answer: (call: Call) => Promise<unknown> = async () => 'result') =>
    serverTracing({ tracer })(answer)(
      testCall({ service: 'shop', method: 'sell', contract: sell, requestId: 'r1', ...overrides }),
    );

  it('names and describes the span of a call as the conventions for JSON-RPC do', async () => {
    assert.equal(await serve({}), 'result');
    const { name, kind, attributes, status } = only();
    assert.equal(name, 'shop/sell');
    assert.equal(kind, SpanKind.SERVER);
    assert.deepEqual(attributes, {
      'rpc.system.name': 'jsonrpc',
      'jsonrpc.protocol.version': '2.0',
      'rpc.method': 'shop/sell',
      'rpc.request.metadata.x-request-id': ['r1'],
    });
    assert.equal(status.code, SpanStatusCode.UNSET);
  });

  it("puts the span below the caller's", async () => {
    await serve({ traceparent: SAMPLED });
    assert.equal(only().spanContext().traceId, TRACE);
    assert.equal(only().parentSpanContext?.spanId, SPAN);
  });

  it('begins a trace where the caller names none that can be read', async () => {
    await serve({ traceparent: 'nonsense' });
    assert.equal(only().parentSpanContext, undefined);
  });

  it('passes its own span on, in the call and as the active one', async () => {
    await serve({ traceparent: SAMPLED }, async (call) => {
      assert.equal(parseTraceparent(call.traceparent)?.traceId, TRACE);
      assert.equal(parseTraceparent(call.traceparent)?.spanId, trace.getActiveSpan()?.spanContext().spanId);
      assert.notEqual(parseTraceparent(call.traceparent)?.spanId, SPAN);
    });
    assert.equal(spans().length, 1);
  });

  it('keeps the tracestate in the context of the span and passes it on unchanged', async () => {
    const tracestate = 'rojo=00f067aa0ba902b7,1a=2';
    await serve({ traceparent: SAMPLED, tracestate }, async (call) => {
      assert.equal(call.tracestate, tracestate);
      assert.equal(trace.getActiveSpan()?.spanContext().traceState?.get('rojo'), '00f067aa0ba902b7');
    });
    assert.equal(only().spanContext().traceState?.serialize(), tracestate);
    await serve({ traceparent: 'nonsense', tracestate }, async (call) => assert.equal(call.tracestate, undefined));
  });

  it('makes the baggage the active one and passes it on unchanged', async () => {
    const baggage = 'user=%D0%B0/b;secret;p=1,shop=7';
    await serve({ baggage }, async (call) => {
      assert.equal(call.baggage, baggage);
      const entry = propagation.getActiveBaggage()?.getEntry('user');
      assert.deepEqual([entry?.value, entry?.metadata?.toString()], ['а/b', 'secret;p=1']);
    });
    assert.doesNotMatch(JSON.stringify([only().attributes, only().events, only().name]), /shop=|secret/);
  });

  it('of a client passes on the active baggage, even when it was changed', async () => {
    const seen: (string | undefined)[] = [];
    const client = createClient(
      shop,
      {
        call: async ({ baggage }) => {
          seen.push(baggage);
          return { price: 1 };
        },
      },
      { interceptors: [clientTracing({ tracer })] },
    );
    await client.sell({ name: 'tea' }, { baggage: 'a=1' });
    await serve({ baggage: 'a=1' }, async (call) => {
      await client.sell({ name: 'tea' }, call);
      await client.sell({ name: 'tea' });
      const active = propagation.getActiveBaggage();
      assert.ok(active);
      const inside = (baggage: typeof active) =>
        context.with(propagation.setBaggage(context.active(), baggage), () => client.sell({ name: 'tea' }, call));
      await inside(active.setEntry('b', { value: 'ж, x' }));
      await inside(active.clear());
    });
    assert.deepEqual(seen, ['a=1', 'a=1', 'a=1', 'a=1,b=%D0%B6%2C%20x', undefined]);
  });

  it('marks a failure with its code, its number and its reason, and not with its message', async () => {
    const soldOut = new RpcError('failed_precondition', 'No secret-tea is left', { reason: 'sold_out' });
    await assert.rejects(
      serve({}, () => Promise.reject(soldOut)),
      soldOut,
    );
    const { attributes, status } = only();
    assert.equal(attributes['error.type'], 'sold_out');
    assert.equal(attributes['rpc.response.status_code'], '-32009');
    assert.deepEqual(status, { code: SpanStatusCode.ERROR, message: 'failed_precondition' });
    assert.doesNotMatch(JSON.stringify([attributes, status, only().events]), /secret/);
  });

  it('calls every method that is none by one name', async () => {
    for (const method of ['rob', 'steal']) await serve({ method, contract: undefined });
    assert.deepEqual(
      spans().map(({ name }) => name),
      ['_OTHER', '_OTHER'],
    );
  });

  it('joins client and server of nested calls to one tree', async () => {
    const interceptors = [serverTracing({ tracer })];
    const inner = implement(shop, { sell: async () => ({ price: 2 }) }, { interceptors });
    const toInner = createClient(shop, inner, { interceptors: [clientTracing({ tracer })] });
    const outer = implement(shop, { sell: (params, call) => toInner.sell(params, call) }, { interceptors });
    await createClient(shop, outer, { interceptors: [clientTracing({ tracer })] }).sell({ name: 'tea' });

    // Spans end from the inside out.
    const [server2, client2, server1, client1] = spans() as [ReadableSpan, ReadableSpan, ReadableSpan, ReadableSpan];
    const kinds = [SpanKind.CLIENT, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.SERVER];
    assert.deepEqual(
      [client1, server1, client2, server2].map(({ kind }) => kind),
      kinds,
    );
    const parents = [client1, server1, client2, server2].map(({ parentSpanContext }) => parentSpanContext?.spanId);
    assert.deepEqual(parents, [undefined, ...[client1, server1, client2].map((span) => span.spanContext().spanId)]);
    assert.equal(new Set(spans().map((span) => span.spanContext().traceId)).size, 1);
  });

  it('keeps tracestate and baggage in deferred tasks', async () => {
    const seen: unknown[] = [];
    const inner = implement(shop, {
      async sell(_params, { tracestate, baggage }) {
        seen.push(tracestate, baggage);
        return { price: 2 };
      },
    });
    const toInner = createClient(shop, inner, { interceptors: [clientTracing({ tracer })] });
    const outer = implement(
      shop,
      {
        async sell(params, call) {
          call.defer(() => toInner.sell(params, call));
          return { price: 1 };
        },
      },
      { interceptors: [serverTracing({ tracer })] },
    );
    const trace = { traceparent: SAMPLED, tracestate: 'vendor=1', baggage: 'shop=7' };
    await createClient(shop, outer).sell({ name: 'tea' }, trace);
    await outer.drain(1_000);
    assert.deepEqual(seen, ['vendor=1', 'shop=7']);
    assert.ok(spans().every((span) => span.spanContext().traceId === TRACE));
  });

  it('of a client uses the span that the call names when none is active', async () => {
    const client = createClient(shop, implement(shop, { sell: async () => ({ price: 2 }) }), {
      interceptors: [clientTracing({ tracer })],
    });
    await client.sell({ name: 'tea' }, { traceparent: SAMPLED });
    assert.equal(only().parentSpanContext?.spanId, SPAN);
  });

  it('gives a client the failure that the contract declares', async () => {
    const service = implement(shop, { sell: () => Promise.reject(fail(sell, 'sold_out')) });
    const client = createClient(shop, service, { interceptors: [clientTracing({ tracer })] });
    await assert.rejects(client.sell({ name: 'tea' }));
    assert.equal(only().attributes['error.type'], 'sold_out');
  });

  it('passes on that a trace is not sampled, and records nothing', async () => {
    const off = tracerOf(
      new TracerProvider({
        sampler: new ParentBasedSampler({ root: new AlwaysOffSampler() }),
        spanProcessors: [new SimpleSpanProcessor({ exporter })],
      }),
    );
    let seen: string | undefined;
    await serverTracing({ tracer: off })(async (call) => {
      seen = call.traceparent;
    })(testCall());
    assert.equal(parseTraceparent(seen)?.traceFlags, 0);
    assert.equal(spans().length, 0);
  });

  it('without an SDK passes the trace on unchanged', async () => {
    let seen: (string | undefined)[] = [];
    const silent = serverTracing()(async (call) => {
      seen = [...seen, call.traceparent, call.tracestate, call.baggage];
    });
    await silent(testCall({ traceparent: SAMPLED, tracestate: '1a=2,b=c d', baggage: 'x=a/b;p' }));
    await silent(testCall());
    assert.deepEqual(seen, [SAMPLED, '1a=2,b=c d', 'x=a/b;p', undefined, undefined, undefined]);
  });
});

function tracerOf(provider: TracerProvider) {
  return provider.getTracer('test');
}
