import { type Call, compose, type DeferredTask, type Interceptor, type Next, type ServedCall } from './call.ts';
import type { AnswerOf, MethodContract, Methods, ParamsOf, ResultOf, ServiceContract } from './contract.ts';
import { abortReason, type Canceller, raceSignal, raceSignalTo, startDeadline } from './deadline.ts';
import { RpcError, toRpcError } from './rpc-error.ts';
import { decodeParams, encodeError, encodeResult } from './schema/validation.ts';
import { createDeferredTasks, type DeferredTaskEvents } from './serving/deferred-tasks.ts';
import { streamOf } from './stream.ts';

/**
 * A function for each method of the contract; a missing one does not compile. One that answers with a stream is an async generator,
 * which continues behind a `yield` as soon as the receiver has taken the item.
 */
export type Handlers<M extends Methods> = {
  readonly [K in keyof M]: (params: ParamsOf<M[K]>, call: ServedCall) => AnswerOf<M[K], AsyncIterable<ResultOf<M[K]>>>;
};

/** A contract with its handlers. `serveHttp` serves it over HTTP; `createClient` calls it in the same process. */
export interface Service<M extends Methods = Methods> {
  readonly contract: ServiceContract<M>;
  /**
   * Executes one call in wire form. Always rejects with an RpcError: any other error of a handler becomes `internal`.
   * @param caller cancels the call in place of `call.signal`
   */
  readonly call: (call: ReceivedCall, caller?: Canceller) => Promise<unknown>;
  /** Waits for the deferred tasks of answered calls, or until the timeout. */
  drain(timeoutMs: number): Promise<void>;
}

/** A call before it has its deadline. */
export type ReceivedCall = Omit<Call, 'contract' | 'signal'> & { readonly signal?: AbortSignal };

/** Requires optional members to be named, too. */
type EveryMember<T> = { [K in keyof Required<T>]: T[K] };

/** What `implement` wraps around every call. */
export interface ImplementOptions {
  /** Wrap every call; the first is the outermost. They see params and result in wire form, and calls of unknown methods too. */
  readonly interceptors?: readonly Interceptor[];
  /** Notified of deferred tasks that failed or were dropped. */
  readonly onDeferred?: Partial<DeferredTaskEvents>;
}

/**
 * Creates a service. Each handler receives validated params (bigints, Dates) and the call. The call's signal aborts when the caller
 * leaves and at the deadline, the earlier of the caller's and the contract's `timeoutMs`. A handler refuses by throwing what `fail`
 * returns; a result that does not fit the contract is answered as `internal`.
 */
export function implement<M extends Methods>(
  contract: ServiceContract<M>,
  handlers: Handlers<M>,
  options: ImplementOptions = {},
): Service<M> {
  const chain = compose(options.interceptors ?? [], createDispatch(handlers));
  const deferredTasks = createDeferredTasks(options.onDeferred);
  const methods: ReadonlyMap<string, MethodContract> = new Map(Object.entries(contract.methods));
  return {
    contract,
    async call(call, caller) {
      const own = methods.get(call.method);
      const startedAt = performance.now();
      const remainingMs = call.deadlineAt - startedAt;
      const timeoutMs = own ? Math.min(remainingMs, own.timeoutMs) : remainingMs;
      // Disposed without `using`, which takes half a microsecond of the few that a call costs.
      const deadline = startDeadline(timeoutMs, caller ?? call.signal, startedAt);
      let deferred: DeferredTask[] | undefined;
      // Each member is named, which is faster than a copy of the call.
      const served: EveryMember<ServedCall> = {
        service: call.service,
        method: call.method,
        contract: own,
        params: call.params,
        signal: deadline.signal,
        deadlineAt: deadline.at,
        requestId: call.requestId,
        traceparent: call.traceparent,
        tracestate: call.tracestate,
        baggage: call.baggage,
        nested: true,
        caller: call.caller,
        startedAt,
        answerHeaders: call.answerHeaders,
        emit: call.emit,
        endpoints: undefined,
        defer(task) {
          deferred ??= [];
          deferred.push(task);
        },
      };
      try {
        return await chain(served);
      } catch (error) {
        throw withoutNeverSent(toRpcError(error));
      } finally {
        deadline[Symbol.dispose]();
        if (deferred) deferredTasks.start(served, deferred);
      }
    },
    drain: (timeoutMs) => deferredTasks.drain(timeoutMs),
  };
}

/**
 * Drops the mark `neverSent` from the failure of a nested call: this call did arrive and may have had an effect. The wire never
 * carries the mark; this keeps it from a client in the same process.
 */
function withoutNeverSent(error: RpcError): RpcError {
  if (!error.neverSent) return error;
  const { code, message, reason, details, retryAfterMs, requestId, cause } = error;
  return new RpcError(code, message, { reason, details, retryAfterMs, requestId, cause });
}

/** The innermost step: validates params, runs the handler and rejects as soon as the call is aborted. */
function createDispatch<M extends Methods>(handlers: Handlers<M>): Next {
  return (call) => {
    const contract = call.contract;
    const handler = contract && handlers[call.method];
    if (!handler) return Promise.reject(new RpcError('method_not_found', 'Method not found'));
    // Work whose deadline has passed is not started (INVARIANTS Y4).
    if (call.signal.aborted) return Promise.reject(abortReason(call.signal));
    const toError = (error: unknown): RpcError => encodeError(contract, toRpcError(error));
    try {
      const params = decodeParams(contract, call.params) as ParamsOf<M[string]>;
      const answer = handler(params, withIdempotencyKey(call as ServedCall, params));
      return streamOf(contract)
        ? raceSignalTo(
            sendItems(answer as AsyncIterable<unknown>, contract, call),
            call.signal,
            () => undefined,
            toError,
          )
        : raceSignalTo(answer as Promise<unknown>, call.signal, (result) => encodeResult(contract, result), toError);
    } catch (error) {
      return Promise.reject(toError(error));
    }
  };
}

/** The handler continues when its item is taken. Where the item could not be sent, `for await` returns from the handler's generator. */
async function sendItems(
  items: AsyncIterable<unknown>,
  contract: MethodContract,
  { emit, method, signal }: Call,
): Promise<void> {
  if (!emit) {
    throw new RpcError('unimplemented', `${method} answers with a stream of items: call POST /${method} or use gRPC`);
  }
  for await (const item of items) await raceSignal(emit(encodeResult(contract, item)), signal);
}

/**
 * Handlers find the idempotency key in `call.caller`, whether it was sent as a param, in a header or in `meta`.
 * @throws {RpcError} invalid_request for two different keys: ignoring one could repeat the effect
 */
function withIdempotencyKey(call: ServedCall, params: { readonly idempotencyKey?: unknown }): ServedCall {
  const { idempotencyKey: key } = params;
  const { caller } = call;
  if (typeof key !== 'string' || key === caller.idempotencyKey) return call;
  if (caller.idempotencyKey === undefined) return { ...call, caller: { ...caller, idempotencyKey: key } };
  throw new RpcError(
    'invalid_request',
    'The param idempotencyKey and the key beside the params differ; send one of them',
  );
}
