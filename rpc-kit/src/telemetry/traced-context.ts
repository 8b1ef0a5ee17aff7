import { type Context, context, createContextKey, INVALID_SPAN_CONTEXT, type Span, trace } from '@opentelemetry/api';
import type { Call } from '../call.ts';
import { type CallLogFields, type LogFields, toLogFields } from './log-fields.ts';
import { registerTracedScope } from './log-scope.ts';

/** Under this key, a context has the log fields of its call. */
const LOG_FIELDS = createContextKey('rpc-kit log fields');

/** OpenTelemetry's key of a span. The API does not export it, but shows it to a context that gets a span. */
const SPAN = ((): symbol | undefined => {
  let shown: symbol | undefined;
  const probe: Context = {
    getValue: () => undefined,
    deleteValue: () => probe,
    setValue(key) {
      shown = key;
      return probe;
    },
  };
  trace.setSpan(probe, trace.wrapSpanContext(INVALID_SPAN_CONTEXT));
  return shown;
})();

/**
 * `trace.setSpan(base, span)` for the hot path: OpenTelemetry's own context copies a Map for each value, this one only when a value is
 * added. The context of a served call also has its log fields, so a call needs one AsyncLocalStorage, not two.
 */
export class TracedContext implements Context {
  readonly #base: Context;
  readonly #span: Span;
  // Not the call itself: what is started in this context and outlives the call would keep its params in memory.
  readonly #requestId: string | undefined;
  readonly #traceparent: string | undefined;
  #logFields: CallLogFields | undefined;

  /** @param call the served call, as the steps inside `serverTracing` receive it */
  constructor(base: Context, span: Span, call?: Pick<Call, 'requestId' | 'traceparent'>) {
    this.#base = base;
    this.#span = span;
    this.#requestId = call?.requestId;
    this.#traceparent = call?.traceparent;
  }

  /** Whether the log fields of this context are those of the call. */
  isScopeOf({ requestId, traceparent }: Call): boolean {
    return this.#requestId === requestId && this.#traceparent === traceparent;
  }

  get logFields(): CallLogFields | undefined {
    if (this.#requestId === undefined) return undefined;
    this.#logFields ??= toLogFields(this.#requestId, this.#span.spanContext());
    return this.#logFields;
  }

  getValue(key: symbol): unknown {
    if (key === SPAN) return this.#span;
    return (key === LOG_FIELDS ? this.logFields : undefined) ?? this.#base.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#copy().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#copy().deleteValue(key);
  }

  #copy(): Context {
    const copy = trace.setSpan(this.#base, this.#span);
    return this.logFields ? copy.setValue(LOG_FIELDS, this.logFields) : copy;
  }
}

registerTracedScope({
  fields: () => context.active().getValue(LOG_FIELDS) as LogFields | undefined,
  fieldsOf(call) {
    const active = context.active();
    return active instanceof TracedContext && active.isScopeOf(call) ? active.logFields : undefined;
  },
});
