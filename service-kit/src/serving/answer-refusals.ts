import { type Handlers, type MethodContract, type Methods, RpcError, type ServiceContract } from 'rpc-kit';

/** What a domain throws to refuse a call. A domain imports only itself, so its class is known by its name and its fields. */
interface Refusal extends Error {
  readonly name: 'Refusal';
  readonly reason: string;
  readonly facts?: unknown;
}

/** The errors of refusals that the contract does not declare, by reason. */
type OtherErrors = Readonly<Record<string, (refusal: Refusal) => RpcError>>;

/** Handlers that answer a refusal of the domain with the error that the contract declares for its reason, the facts as details. */
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
  if (declared) return new RpcError(declared.code, declared.message, { reason, details: facts, cause });
  return otherErrors[reason]?.(refusal) ?? refusal;
}
