import { type Handlers, type MethodContract, type Methods, RpcError, type ServiceContract } from 'rpc-kit';

/** Thrown by a domain to refuse a call. A domain imports only itself, so the class is recognized by its name and fields. */
interface Refusal extends Error {
  readonly name: 'Refusal';
  readonly reason: string;
  readonly facts?: unknown;
}

/** Errors for refusals that the contract does not declare, by reason. */
type OtherErrors = Readonly<Record<string, (refusal: Refusal) => RpcError>>;

/** Wraps handlers: a refusal becomes the error that the method's contract declares for its reason, with the facts as details. A fact `retryAfterMs` is also the answer's Retry-After. */
export function answerRefusals<M extends Methods>(
  { methods }: ServiceContract<M>,
  handlers: Handlers<M>,
  otherErrors: OtherErrors = {},
): Handlers<M> {
  const answering = Object.entries<Handlers<M>[string]>(handlers).map(([name, handler]) => {
    const answer: typeof handler = async (params, call) => {
      try {
        return await handler(params, call);
      } catch (error) {
        throw isRefusal(error) ? toWireError(methods[name] as MethodContract, error, otherErrors) : error;
      }
    };
    return [name, answer];
  });
  return Object.fromEntries(answering);
}

function isRefusal(error: unknown): error is Refusal {
  return error instanceof Error && error.name === 'Refusal' && 'reason' in error;
}

function toWireError({ errors = {} }: MethodContract, refusal: Refusal, otherErrors: OtherErrors): Error {
  const { reason, facts, cause } = refusal;
  const declared = Object.hasOwn(errors, reason) ? errors[reason] : undefined;
  if (declared) {
    const retryAfterMs = (facts as { retryAfterMs?: number } | undefined)?.retryAfterMs;
    const options = { reason, details: facts, cause, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    return new RpcError(declared.code, declared.message, options);
  }
  return otherErrors[reason]?.(refusal) ?? refusal;
}
