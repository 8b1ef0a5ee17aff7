import { type Call, type CallContext, compose, type Emit, type Interceptor, type Next } from './call.ts';
import type { AnswerOf, MethodContract, Methods, ParamsOf, ResultOf, ServiceContract } from './contract.ts';
import { abortReason, raceSignal, startDeadline } from './deadline.ts';
import { ItemStream } from './item-stream.ts';
import { toRpcError } from './rpc-error.ts';
import { decodeError, decodeResult, encodeParams } from './schema/validation.ts';
import { streamOf } from './stream.ts';
import { createRequestId } from './telemetry/request-id.ts';

/**
 * Options of one call. A handler passes its own `call`, which carries request id, trace, deadline and cancellation on:
 * `loms.stocks({ sku }, call)`.
 */
export interface CallOptions extends Partial<CallContext> {
  /** In milliseconds. Shortens the contract's timeout and never extends it. */
  readonly timeoutMs?: number;
  readonly idempotencyKey?: string | undefined;
}

/**
 * A function for each method of the contract. Always rejects with an RpcError. One that answers with a stream gives an async iterator,
 * which makes the call when it is first asked for an item.
 */
export type Client<M extends Methods> = {
  readonly [K in keyof M]: (
    params: ParamsOf<M[K]>,
    options?: CallOptions,
  ) => AnswerOf<M[K], ItemStream<ResultOf<M[K]>>>;
};

/** Sends calls to a service: over HTTP, or directly to a `Service` in the same process, which is a transport too. */
export interface Transport {
  readonly call: Next;
  /** Whether each call settles as soon as its signal aborts. Otherwise its callers race it with the signal, which takes a tenth of their time. */
  readonly settlesOnAbort?: boolean | undefined;
  /** Whether the peer says that it is ready for calls; rejects when it does not answer. For the health checks of a balancer. */
  readonly askReadiness?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
}

/** The calls of a transport, which settle as soon as their signals abort. */
export function settlingCalls(transport: Transport): Next {
  if (transport.settlesOnAbort) return (call) => transport.call(call);
  return (call) => raceSignal(transport.call(call), call.signal);
}

/** What `createClient` wraps around every call. */
export interface ClientOptions {
  /** Wrap every call; the first is the outermost. They see params and result in wire form. */
  readonly interceptors?: readonly Interceptor[];
}

/**
 * Creates a client. It validates params before they are sent and results when they arrive, and ends each call at its deadline
 * whatever the transport does.
 *
 * Every failure is an `RpcError`: `invalid_params` before anything is sent, `deadline_exceeded` and `cancelled` by the signal,
 * `unavailable` when the peer cannot be reached, `internal` for a result that does not fit the contract, and the peer's own
 * errors, whose reasons `failedWith` narrows.
 */
export function createClient<M extends Methods>(
  contract: ServiceContract<M>,
  transport: Transport,
  options: ClientOptions = {},
): Client<M> {
  const chain = compose(options.interceptors ?? [], settlingCalls(transport));
  const methods = Object.entries(contract.methods).map(([name, method]) => {
    const call = (params: unknown, callOptions: CallOptions = {}, emit?: Emit) =>
      send(contract.name, name, method, chain, params, callOptions, emit);
    return [
      name,
      streamOf(method) ? streaming(call) : (params: unknown, options?: CallOptions) => call(params, options),
    ];
  });
  return Object.fromEntries(methods) as Client<M>;
}

/** The iterator makes the call, and cancels it when it is closed early. */
function streaming(call: (params: unknown, options: CallOptions, emit: Emit) => Promise<unknown>) {
  return (params: unknown, options: CallOptions = {}) =>
    new ItemStream((emit, closed) => {
      const signal = options.signal ? AbortSignal.any([options.signal, closed]) : closed;
      return call(params, { ...options, signal }, emit);
    });
}

async function send(
  service: string,
  method: string,
  contract: MethodContract,
  chain: Next,
  params: unknown,
  options: CallOptions,
  emit: Emit | undefined,
): Promise<unknown> {
  const remainingMs =
    options.deadlineAt === undefined ? Number.POSITIVE_INFINITY : options.deadlineAt - performance.now();
  const timeoutMs = Math.min(contract.timeoutMs, options.timeoutMs ?? Number.POSITIVE_INFINITY, remainingMs);
  // Disposed without `using`, which takes half a microsecond of the few that a call costs.
  const deadline = startDeadline(timeoutMs, options.signal);
  try {
    if (deadline.signal.aborted) throw abortReason(deadline.signal);
    const call: Call = {
      service,
      method,
      contract,
      params: encodeParams(contract, params),
      signal: deadline.signal,
      deadlineAt: deadline.at,
      requestId: options.requestId ?? createRequestId(),
      traceparent: options.traceparent,
      tracestate: options.tracestate,
      baggage: options.baggage,
      nested: options.nested,
      caller: { idempotencyKey: options.idempotencyKey },
      emit: emit && (async (item) => emit(decodeResult(contract, item))),
    };
    const result = await chain(call);
    return emit ? undefined : decodeResult(contract, result);
  } catch (error) {
    throw decodeError(contract, toRpcError(error));
  } finally {
    deadline[Symbol.dispose]();
  }
}
