import { compose, type DeferredTask, type Interceptor, type Next, type ServedCall } from './call.ts';
import type { Methods, ParamsOf, ResultOf, ServiceContract } from './contract.ts';
import { abortReason, raceSignal, startDeadline } from './deadline.ts';
import { RpcError, toRpcError } from './rpc-error.ts';
import { decodeParams, encodeError, encodeResult } from './schema/validation.ts';
import { createDeferredTasks, type DeferredTaskEvents } from './serving/deferred-tasks.ts';

/** One function for every method of the contract; a missing one does not compile. */
export type Handlers<M extends Methods> = {
  readonly [K in keyof M]: (params: ParamsOf<M[K]>, call: ServedCall) => Promise<ResultOf<M[K]>>;
};

/** A contract with its handlers behind it. Anything that can carry a call can be put in front: HTTP, or a client directly. */
export interface Service<M extends Methods = Methods> {
  readonly contract: ServiceContract<M>;
  /**
   * Carries out one call in wire form.
   * Rejects with an RpcError, always: what a handler throws besides becomes `internal`.
   */
  readonly call: Next;
  /** Waits for deferred tasks of answered calls, at most so long. */
  drain(timeoutMs: number): Promise<void>;
}

/** What stands around the handlers of a service. */
export interface ImplementOptions {
  /** Around every call, first = outermost. They see params and result in wire form, and calls of unknown methods. */
  readonly interceptors?: readonly Interceptor[];
  /** Told of tasks that calls deferred and that failed, or that were too many. */
  readonly onDeferred?: Partial<DeferredTaskEvents>;
}

/**
 * Puts handlers behind a contract. Each receives params in their inside form (bigints, Dates) and the call, whose signal
 * aborts at the deadline, which is the caller's or the contract's `timeoutMs`, whichever is earlier, and when the caller goes away.
 * It refuses by throwing what `fail` makes; a result that does not fit the contract leaves as `internal`.
 */
export function implement<M extends Methods>(
  contract: ServiceContract<M>,
  handlers: Handlers<M>,
  options: ImplementOptions = {},
): Service<M> {
  const chain = compose(options.interceptors ?? [], createDispatch(handlers));
  const deferredTasks = createDeferredTasks(options.onDeferred);
  return {
    contract,
    async call(call) {
      const own = Object.hasOwn(contract.methods, call.method) ? contract.methods[call.method] : undefined;
      const remainingMs = call.deadlineAt - performance.now();
      // Disposed of by hand: `using` takes half a microsecond, of the few that a call costs.
      const deadline = startDeadline(own ? Math.min(remainingMs, own.timeoutMs) : remainingMs, call.signal);
      const deferred: DeferredTask[] = [];
      const served: ServedCall = {
        ...call,
        contract: own,
        signal: deadline.signal,
        deadlineAt: deadline.at,
        nested: true,
        defer: (task) => deferred.push(task),
      };
      try {
        return await chain(served);
      } catch (error) {
        throw asReached(toRpcError(error));
      } finally {
        deadline[Symbol.dispose]();
        if (deferred.length > 0) deferredTasks.start(served, deferred);
      }
    },
    drain: (timeoutMs) => deferredTasks.drain(timeoutMs),
  };
}

/**
 * This call did arrive. A handler that passes on the failure of a call of its own, which never reached a third service,
 * must not tell its caller that nothing happened here; over a network the mark is not sent, and a client in the same
 * process is told no more.
 */
function asReached(error: RpcError): RpcError {
  if (!error.neverSent) return error;
  const { code, message, reason, details, retryAfterMs, requestId, cause } = error;
  return new RpcError(code, message, { reason, details, retryAfterMs, requestId, cause });
}

/** The innermost step: validates, runs the handler, and does not wait for it longer than the call lives. */
function createDispatch<M extends Methods>(handlers: Handlers<M>): Next {
  return async (call) => {
    const contract = call.contract;
    const handler = contract && handlers[call.method];
    if (!handler) throw new RpcError('method_not_found', 'Method not found');
    // Work whose deadline has passed is not started (INVARIANTS Y4).
    if (call.signal.aborted) throw abortReason(call.signal);
    const params = decodeParams(contract, call.params) as ParamsOf<M[string]>;
    const served = withOneKey(call as ServedCall, params);
    try {
      return encodeResult(contract, await raceSignal(handler(params, served), call.signal));
    } catch (error) {
      throw encodeError(contract, toRpcError(error));
    }
  };
}

/**
 * Handlers find the idempotency key at `call.caller`, whether it came as a param or beside the params.
 * @throws {RpcError} invalid_request when it came as both and they differ: to ignore one could have the effect twice
 */
function withOneKey(call: ServedCall, params: { readonly idempotencyKey?: unknown }): ServedCall {
  const { idempotencyKey: key } = params;
  const { caller } = call;
  if (typeof key !== 'string' || key === caller.idempotencyKey) return call;
  if (caller.idempotencyKey === undefined) return { ...call, caller: { ...caller, idempotencyKey: key } };
  throw new RpcError(
    'invalid_request',
    'The param idempotencyKey and the key beside the params differ; send one of them',
  );
}
