import type { Call, Interceptor } from '../call.ts';
import { callersOf } from '../contract.ts';
import { RpcError } from '../rpc-error.ts';
import { notify } from '../telemetry/notify.ts';

/** Returns the name of the service that an Authorization header proves, or undefined. Synchronous for a header that it knows. */
export type Identify = (authorization: string) => string | undefined | Promise<string | undefined>;

/** The contract's decision on a call; a refusal has the name of its code. */
export type AccessDecision = 'allowed' | 'unauthenticated' | 'permission_denied';

/** How `checkAccess` finds the caller, and whether it refuses. */
export interface AccessOptions {
  /** `audit` admits every call and only reports the decision. */
  readonly mode: 'enforce' | 'audit';
  readonly identify: Identify;
  readonly on?: Partial<AccessEvents>;
}

/** What `checkAccess` reports. */
export interface AccessEvents {
  decided(event: {
    readonly call: Call;
    /** The proven caller. */
    readonly service: string | undefined;
    readonly decision: AccessDecision;
  }): void;
}

/**
 * Admits the callers that the method's `access` names, and adds the proven name to the call: `call.caller.service`. A call without
 * proof is `unauthenticated`, with the same sentence for every fault and before `method_not_found`, so it learns nothing.
 */
export function checkAccess({ mode, identify, on }: AccessOptions): Interceptor {
  const refuses = mode === 'enforce';
  return (next) => {
    const admit = (call: Call, service: string | undefined): Promise<unknown> => {
      const decision = decide(call, service);
      notify(on?.decided, { call, service, decision });
      if (refuses && decision !== 'allowed') return Promise.reject(refusal(call, service));
      return next(service === undefined ? call : { ...call, caller: { ...call.caller, service } });
    };
    return (call) => {
      const { authorization } = call.caller;
      const found = authorization === undefined ? undefined : identify(authorization);
      return typeof found === 'object' ? found.then((service) => admit(call, service)) : admit(call, found);
    };
  };
}

/** A proven caller of an unknown method is admitted: the service answers that there is no such method. */
function decide({ contract }: Call, service: string | undefined): AccessDecision {
  if (service === undefined) return 'unauthenticated';
  return !contract || callersOf(contract).includes(service) ? 'allowed' : 'permission_denied';
}

function refusal({ service: callee, method }: Call, service: string | undefined): RpcError {
  if (service === undefined) {
    return new RpcError('unauthenticated', 'The call needs a valid service token: authorization: Bearer <token>');
  }
  return new RpcError(
    'permission_denied',
    `${service} may not call ${callee}.${method}: the contract names its callers`,
  );
}
