import type { z } from 'zod';
import type { Code } from './code.ts';
import { RpcError } from './rpc-error.ts';
import type { Priority } from './serving/concurrency-limit.ts';
import { mistakeInStream, type StreamOf } from './stream.ts';

/** One reason with which a method may refuse a call. */
export interface ErrorContract {
  /** The code that it is sent with. */
  readonly code: Code;
  /** One sentence for the caller. */
  readonly message: string;
  /** The schema of its details. */
  readonly details?: z.ZodType;
}

/**
 * When a client may repeat a call whose outcome it does not know: `safe` always (the method only reads),
 * `with-idempotency-key` when the call carries a key, `never` otherwise.
 */
export type RetrySafety = 'safe' | 'with-idempotency-key' | 'never';

/** The services that may call a method. */
export interface Access {
  /** Names of services, as their tokens prove them. */
  readonly callers: readonly string[];
}

/** One method of a contract: its types, limits, errors and example. */
export interface MethodContract {
  /** One sentence: what the method does. */
  readonly summary: string;
  /** More for callers, in whole sentences. */
  readonly description?: string;
  /** A `z.strictObject`: its `z.input` is the wire form, its `z.output` the form that handlers receive. */
  readonly params: z.ZodObject;
  /** One value; or, declared by `stream`, items one after another. */
  readonly result: z.ZodType | StreamOf;
  /** The reasons with which it refuses, by name. */
  readonly errors?: Readonly<Record<string, ErrorContract>>;
  /** Codes with which it refuses without a reason, each with a sentence that says when. */
  readonly codes?: Readonly<Partial<Record<Code, string>>>;
  /** The longest that a call may take, in milliseconds. A caller may set a shorter deadline, not a longer one. */
  readonly timeoutMs: number;
  /** The method changes nothing: it may be retried freely, and called by GET on the plain face. */
  readonly reads?: boolean;
  /** Decides which calls are refused first under overload. Default: `normal`. */
  readonly priority?: Priority;
  /** The method waits on purpose, e.g. for a rate limit, so its duration does not count as a sign of overload. */
  readonly waits?: boolean;
  /** A peer calls it every second or so, so its successes are logged at the level `debug` only. */
  readonly polled?: boolean;
  /** False sends each call alone: other servers answer a batch when its slowest call is complete. Default: true. */
  readonly batched?: boolean;
  /** Default: `safe` when the method only reads, else `never`. */
  readonly retry?: RetrySafety;
  /** The services that may call it. Absent: none. */
  readonly access?: Access;
  /** The order of params for callers that send them by position, optional ones last. Params that it omits are sent by name only. */
  readonly positions?: readonly string[];
  /** A call that works when pasted, in wire form; of a stream, the result is one item. Documents, docs page and curl lines show it. */
  readonly example: { readonly params: Readonly<Record<string, unknown>>; readonly result: unknown };
}

/** The methods of a contract, by name. */
export type Methods = Readonly<Record<string, MethodContract>>;

/** The public contract of a service: plain data that can be listed, compared and printed. */
export interface ServiceContract<M extends Methods = Methods> {
  readonly name: string;
  /** One sentence: what the service does. */
  readonly summary: string;
  readonly version: string;
  /** The team that answers questions about the service. */
  readonly contact?: { readonly name: string };
  readonly methods: M;
  /** Messages that the service publishes besides its answers, by name. */
  readonly events?: Readonly<Record<string, EventContract>>;
}

/** A message that a service publishes besides its answers. */
export interface EventContract {
  /** One sentence: what has happened. */
  readonly summary: string;
  readonly schema: z.ZodObject;
}

/** Methods share their addresses with the pages of every service. */
const RESERVED_NAMES = new Set(['rpc', 'docs', 'healthz', 'readyz', 'metrics', 'openrpc.json', 'openapi.json']);
const METHOD_NAME = /^[a-z][A-Za-z0-9_]{0,63}$/;
/** TypeScript does not refuse further members of an inferred type, so a misspelt `reads` would be ignored. */
const MEMBERS: Readonly<Record<keyof MethodContract, true>> = {
  summary: true,
  description: true,
  params: true,
  result: true,
  errors: true,
  codes: true,
  timeoutMs: true,
  reads: true,
  priority: true,
  waits: true,
  polled: true,
  batched: true,
  retry: true,
  access: true,
  positions: true,
  example: true,
};

/**
 * Declares a service. Checks at load what TypeScript cannot: names that clash with pages, unknown members, invalid timeouts,
 * positions that name no param, streams that cannot be resumed as they say.
 *
 * @throws {TypeError} for a contract that cannot be served
 */
export function defineService<const M extends Methods>(
  name: string,
  about: Pick<ServiceContract, 'summary' | 'version' | 'contact' | 'events'>,
  methods: M,
): ServiceContract<M> {
  for (const [method, contract] of Object.entries(methods)) {
    const mistake = mistakeIn(method, contract);
    if (mistake !== undefined) throw new TypeError(`${name}.${method}: ${mistake}`);
  }
  return { name, ...about, methods };
}

function mistakeIn(name: string, method: MethodContract): string | undefined {
  const { timeoutMs, params, positions = [] } = method;
  if (!METHOD_NAME.test(name)) return 'a method name is a letter and up to 63 letters, digits or underscores';
  if (RESERVED_NAMES.has(name)) return 'this name belongs to one of the pages of every service';
  if (name === 'then') return '`await` takes a client with a method of this name for a promise, and calls it';
  const stray = Object.keys(method).find((member) => !Object.hasOwn(MEMBERS, member));
  if (stray !== undefined)
    return `no method has a member "${stray}"; the members are ${Object.keys(MEMBERS).join(', ')}`;
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0)) return 'timeoutMs must be a number above 0';
  if (params.shape === undefined) return 'params must be an object with declared members, such as z.strictObject';
  const unknown = positions.find((position) => !Object.hasOwn(params.shape, position));
  if (unknown !== undefined) return `positions names "${unknown}", which is no param`;
  const isOptional = (position: string): boolean => params.shape[position]?._zod.optin === 'optional';
  const firstOptional = positions.findIndex(isOptional);
  const late = positions.find(
    (position, index) => firstOptional >= 0 && index > firstOptional && !isOptional(position),
  );
  return late === undefined
    ? mistakeInStream(method)
    : `positions names "${late}", which is required, after an optional param`;
}

/** Params as handlers receive them and clients pass them. */
export type ParamsOf<C extends MethodContract> = z.output<C['params']>;
/** The result as handlers return it and clients receive it; of a stream, one item. */
export type ResultOf<C extends MethodContract> =
  C['result'] extends StreamOf<infer Item>
    ? z.output<Item>
    : C['result'] extends z.ZodType
      ? z.output<C['result']>
      : never;
/** What a call of the method gives: a promise of its result, or `Items` where the result is a stream. */
export type AnswerOf<C extends MethodContract, Items> = C['result'] extends StreamOf ? Items : Promise<ResultOf<C>>;
/** The reasons that a method declares. */
export type ReasonOf<C extends MethodContract> = C['errors'] extends object ? keyof C['errors'] & string : never;
/** The details of a reason. */
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

/** Whether a call failed with the declared reason; narrows `error.details` to its type. */
export function failedWith<C extends MethodContract, R extends ReasonOf<C>>(
  error: unknown,
  method: C,
  reason: R,
): error is RpcError & { readonly reason: R; readonly details: DetailsOf<C, R> } {
  return error instanceof RpcError && error.reason === reason && error.code === method.errors?.[reason]?.code;
}

/** The services that may call the method. */
export function callersOf({ access }: MethodContract): readonly string[] {
  return access?.callers ?? [];
}

/** Whether a call of the method may be sent twice. */
export function retrySafetyOf(method: MethodContract): RetrySafety {
  return method.retry ?? (method.reads ? 'safe' : 'never');
}
