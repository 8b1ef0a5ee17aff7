import { type Call, compose, type Interceptor, type Next } from './call.ts';
import type { Methods, ParamsOf, ResultOf, ServiceContract } from './contract.ts';
import { abortReason, raceSignal, startDeadline } from './deadline.ts';
import { RpcError, toRpcError } from './rpc-error.ts';
import { decodeParams, encodeError, encodeResult } from './validation.ts';

/** One function for every method of the contract; a missing one does not compile. */
export type Handlers<M extends Methods> = {
  readonly [K in keyof M]: (params: ParamsOf<M[K]>, call: Call) => Promise<ResultOf<M[K]>>;
};

/** A contract with its handlers behind it. Anything that can carry a call can be put in front: HTTP, or a client directly. */
export interface Service<M extends Methods = Methods> {
  readonly contract: ServiceContract<M>;
  /**
   * Carries out one call in wire form.
   * Rejects with an RpcError, always: what a handler throws besides becomes `internal`.
   */
  readonly call: Next;
}

export interface ImplementOptions {
  /** Around every call, first = outermost. They see params and result in wire form, and calls of unknown methods. */
  readonly interceptors?: readonly Interceptor[];
}

export function implement<M extends Methods>(
  contract: ServiceContract<M>,
  handlers: Handlers<M>,
  options: ImplementOptions = {},
): Service<M> {
  const chain = compose(options.interceptors ?? [], createDispatch(handlers));
  return {
    contract,
    async call(call) {
      const own = Object.hasOwn(contract.methods, call.method) ? contract.methods[call.method] : undefined;
      const remainingMs = call.deadlineAt - performance.now();
      using deadline = startDeadline(own ? Math.min(remainingMs, own.timeoutMs) : remainingMs, call.signal);
      try {
        return await chain({ ...call, contract: own, signal: deadline.signal, deadlineAt: deadline.at, nested: true });
      } catch (error) {
        throw asReached(toRpcError(error));
      }
    },
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
    try {
      return encodeResult(contract, await raceSignal(handler(params, call), call.signal));
    } catch (error) {
      throw encodeError(contract, toRpcError(error));
    }
  };
}
