import type { z } from 'zod';
import type { Code } from './code.ts';
import { RpcError } from './rpc-error.ts';
import type { Priority } from './serving/concurrency-limit.ts';

/** One reason for which a method may refuse. */
export interface ErrorContract {
  /** The code it travels under. */
  readonly code: Code;
  /** One sentence for the caller. */
  readonly message: string;
  /** The shape of the facts that come with it. */
  readonly details?: z.ZodType;
}

/**
 * When a client may send a call a second time, not knowing what became of the first:
 * `safe` always (it only reads), `with-idempotency-key` when the call carries one, `never` otherwise.
 */
export type RetrySafety = 'safe' | 'with-idempotency-key' | 'never';

export interface MethodContract {
  /** One sentence: what the method does. */
  readonly summary: string;
  /** Whatever else a caller should know, in whole sentences. */
  readonly description?: string;
  /** A `z.strictObject`; its wire side (`z.input`) is what travels, its domain side (`z.output`) what handlers see. */
  readonly params: z.ZodObject;
  readonly result: z.ZodType;
  /** The reasons for which it refuses, by name. */
  readonly errors?: Readonly<Record<string, ErrorContract>>;
  /** Codes that it refuses with besides, without a reason, each with the sentence that says when. */
  readonly codes?: Readonly<Partial<Record<Code, string>>>;
  /** The longest that a call may take, in milliseconds. The caller's own deadline may be shorter, never longer. */
  readonly timeoutMs: number;
  /** It changes nothing: it may be retried freely and also be called by GET on the plain face. */
  readonly reads?: boolean;
  /** Who goes first when there is not room for all. Default: `normal`. */
  readonly priority?: Priority;
  /** Its time tells nothing of how busy the service is, because it waits on purpose, e.g. for its turn at a slow peer. */
  readonly waits?: boolean;
  /** False keeps its calls out of batches: a batch is answered when its slowest call is. Default: true. */
  readonly batched?: boolean;
  /** Default: `safe` when it only reads, else `never`. */
  readonly retry?: RetrySafety;
  /**
   * The order of params for callers that send them by position, optional ones last; params that it leaves out go by name only.
   * Without it, all do.
   */
  readonly positions?: readonly string[];
  /** A call that works when pasted, in wire form: documents, docs page and curl lines show it. */
  readonly example: { readonly params: Readonly<Record<string, unknown>>; readonly result: unknown };
}

export type Methods = Readonly<Record<string, MethodContract>>;

/** A service's public contract: plain data, to be listed, compared and printed. */
export interface ServiceContract<M extends Methods = Methods> {
  readonly name: string;
  /** What the service is for, in a sentence. */
  readonly summary: string;
  readonly version: string;
  /** Who answers questions about the service. */
  readonly contact?: { readonly name: string };
  readonly methods: M;
}

/** Method names share the address space with the service's own pages, so these are taken. */
const RESERVED_NAMES = new Set(['rpc', 'docs', 'healthz', 'readyz', 'metrics', 'openrpc.json', 'openapi.json']);
const METHOD_NAME = /^[a-z][A-Za-z0-9_]{0,63}$/;

/**
 * Declares a service. What TypeScript cannot check is checked here, once, at load:
 * names that clash with pages, timeouts that are no time, positions that name no param.
 *
 * @throws {TypeError} when the contract cannot be served.
 */
export function defineService<const M extends Methods>(
  name: string,
  about: Pick<ServiceContract, 'summary' | 'version' | 'contact'>,
  methods: M,
): ServiceContract<M> {
  for (const [method, contract] of Object.entries(methods)) {
    const complain = (what: string): never => {
      throw new TypeError(`${name}.${method}: ${what}`);
    };
    if (!METHOD_NAME.test(method)) complain('a method name is a letter and up to 63 letters, digits or underscores');
    if (RESERVED_NAMES.has(method)) complain('this name belongs to one of the pages of every service');
    if (!(Number.isFinite(contract.timeoutMs) && contract.timeoutMs > 0)) {
      complain('timeoutMs must be a number above 0');
    }
    for (const position of contract.positions ?? []) {
      if (!Object.hasOwn(contract.params.shape, position)) complain(`positions names "${position}", which is no param`);
    }
    const optional = contract.positions?.findIndex((name) => isOptional(contract, name)) ?? -1;
    const late = contract.positions?.find(
      (name, index) => index > optional && optional >= 0 && !isOptional(contract, name),
    );
    if (late !== undefined) complain(`positions names "${late}", which is required, after an optional param`);
  }
  return { name, ...about, methods };
}

/** What handlers receive and clients pass. */
export type ParamsOf<C extends MethodContract> = z.output<C['params']>;
/** What handlers return and clients receive. */
export type ResultOf<C extends MethodContract> = z.output<C['result']>;
/** The reasons that a method declares. */
export type ReasonOf<C extends MethodContract> = C['errors'] extends object ? keyof C['errors'] & string : never;
/** The facts that come with a reason. */
export type DetailsOf<C extends MethodContract, R extends ReasonOf<C>> = C['errors'] extends object
  ? C['errors'][R] extends { details: infer D extends z.ZodType }
    ? z.output<D>
    : undefined
  : never;

/** The error to throw for a declared reason: `throw fail(loms.methods.createOrder, 'out_of_stock', { … })`. */
export function fail<C extends MethodContract, R extends ReasonOf<C>>(
  method: C,
  reason: R,
  ...[details]: DetailsOf<C, R> extends undefined ? [] : [DetailsOf<C, R>]
): RpcError {
  const declared = method.errors?.[reason] as ErrorContract;
  return new RpcError(declared.code, declared.message, { reason, details });
}

/** Whether a call failed for the declared reason; narrows `error.details` to its shape. */
export function failedWith<C extends MethodContract, R extends ReasonOf<C>>(
  error: unknown,
  method: C,
  reason: R,
): error is RpcError & { readonly reason: R; readonly details: DetailsOf<C, R> } {
  return error instanceof RpcError && error.reason === reason && error.code === method.errors?.[reason]?.code;
}

/** How safe it is to send the method's call twice. */
export function retrySafetyOf(method: MethodContract): RetrySafety {
  return method.retry ?? (method.reads ? 'safe' : 'never');
}

function isOptional({ params }: MethodContract, name: string): boolean {
  return params.shape[name]?._zod.optin === 'optional';
}
