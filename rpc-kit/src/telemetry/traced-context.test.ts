import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { context, createContextKey, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { pino } from 'pino';
import { compose, type Next } from '../call.ts';
import { testCall } from '../testing.ts';
import { createHeadSampler, sampleAtHead } from './head-sampling.ts';
import { logScope, outsideCalls, runInLogScope } from './log-scope.ts';
import { serverLogging } from './logging.ts';
import { parseTraceparent } from './trace-context.ts';
import { TracedContext } from './traced-context.ts';
import { serverTracing } from './tracing.ts';

const span = trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 0 });
const KEY = createContextKey('a key of the test');

describe('a traced context', () => {
  const base = ROOT_CONTEXT.setValue(KEY, 'base');

  it('has its span and the values of its base', () => {
    const traced = new TracedContext(base, span);
    assert.equal(trace.getSpan(traced), span);
    assert.equal(traced.getValue(KEY), 'base');
  });

  it('is copied with all its values when one is added or deleted', () => {
    const traced = new TracedContext(base, span, testCall({ requestId: 'r1' }));
    const added = traced.setValue(KEY, 'other');
    const deleted = traced.deleteValue(KEY);
    assert.deepEqual(
      [traced, added, deleted].map((one) => [one.getValue(KEY), trace.getSpan(one) === span]),
      [
        ['base', true],
        ['other', true],
        [undefined, true],
      ],
    );
    assert.equal(trace.getSpan(trace.deleteSpan(traced)), undefined);
  });
});

describe('the log scope of a traced call', () => {
  const tracer = sampleAtHead(trace.getTracer('test'), createHeadSampler(0));
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { mixin: logScope, base: undefined, timestamp: false },
    { write: (line) => lines.push(JSON.parse(line)) },
  );
  const serve = (next: Next) =>
    compose([serverTracing({ tracer }), serverLogging(logger)], next)(testCall({ requestId: 'r1' }));
  before(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  });
  after(() => {
    context.disable();
  });
  beforeEach(() => lines.splice(0));

  it('is its trace context: request id, trace and span', async () => {
    await serve(async ({ traceparent }) => {
      const own = parseTraceparent(traceparent);
      const fields = { request_id: 'r1', trace_id: own?.traceId, span_id: own?.spanId };
      assert.deepEqual(logScope(), fields);
      await setImmediate();
      assert.deepEqual(logScope(), fields);
      // Baggage and spans are values of a context that is derived from it.
      const derived = propagation.setBaggage(context.active(), propagation.createBaggage());
      assert.deepEqual(context.with(derived, logScope), fields);
      assert.deepEqual(outsideCalls(logScope), {});
    });
    const [{ request_id, trace_id, code }] = lines as [Record<string, unknown>];
    assert.deepEqual([request_id, typeof trace_id, code], ['r1', 'string', 'ok']);
    assert.deepEqual(logScope(), {});
  });

  it('adds its fields to those of a scope around it', async () => {
    await runInLogScope({ job: 'nightly' }, () =>
      serve(async () => {
        assert.deepEqual(Object.keys(logScope()), ['job', 'request_id', 'trace_id', 'span_id']);
      }),
    );
    assert.equal(lines[0]?.job, 'nightly');
  });

  it('has the fields of a scope inside it, and of a call inside that', async () => {
    await serve(async ({ traceparent }) => {
      await runInLogScope({ order: '7' }, async () => {
        assert.deepEqual(logScope(), { ...fieldsOf(traceparent), order: '7' });
        await serve(async (inner) => assert.deepEqual(logScope(), { ...fieldsOf(inner.traceparent), order: '7' }));
        assert.deepEqual(logScope(), { ...fieldsOf(traceparent), order: '7' });
      });
    });
  });

  it('is that of a call inside of another one', async () => {
    await serve(async () => {
      await serve(async ({ traceparent }) => assert.deepEqual(logScope(), fieldsOf(traceparent)));
    });
  });

  it('is kept if a step copies the call, and another one if a step changes its request id', async () => {
    const scopes: unknown[] = [];
    for (const changes of [{}, { requestId: 'r2' }]) {
      const changing =
        (next: Next): Next =>
        (call) =>
          next({ ...call, ...changes });
      const chain = compose([serverTracing({ tracer }), changing, serverLogging(logger)], async ({ traceparent }) => {
        scopes.push(logScope(), {
          ...fieldsOf(traceparent),
          ...(changes.requestId && { request_id: changes.requestId }),
        });
      });
      await chain(testCall({ requestId: 'r1' }));
    }
    assert.deepEqual([scopes[0], scopes[2]], [scopes[1], scopes[3]]);
    assert.deepEqual(
      lines.map(({ request_id }) => request_id),
      ['r1', 'r2'],
    );
  });
});

function fieldsOf(traceparent: string | undefined) {
  const span = parseTraceparent(traceparent);
  return { request_id: 'r1', trace_id: span?.traceId, span_id: span?.spanId };
}
