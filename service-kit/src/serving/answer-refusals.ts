import {
  type Handlers,
  type MethodContract,
  type Methods,
  RpcError,
  type ServedCall,
  type ServiceContract,
  streamOf,
} from 'rpc-kit';

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
  const answering = Object.entries<Handler>(handlers as Record<string, Handler>).map(([name, handler]) => {
    const method = methods[name] as MethodContract;
    const toError = (error: unknown): unknown => (isRefusal(error) ? toWireError(method, error, otherErrors) : error);
    return [name, streamOf(method) ? streaming(handler as StreamingHandler, toError) : awaiting(handler, toError)];
  });
  return Object.fromEntries(answering);
}

type Handler = (params: unknown, call: ServedCall) => unknown;
type StreamingHandler = (params: unknown, call: ServedCall) => AsyncIterable<unknown>;
type ToError = (error: unknown) => unknown;

function awaiting(handler: Handler, toError: ToError): Handler {
  return async (params, call) => {
    try {
      return await handler(params, call);
    } catch (error) {
      throw toError(error);
    }
  };
}

function streaming(handler: StreamingHandler, toError: ToError): StreamingHandler {
  return async function* (params, call) {
    try {
      yield* handler(params, call);
    } catch (error) {
      throw toError(error);
    }
  };
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
