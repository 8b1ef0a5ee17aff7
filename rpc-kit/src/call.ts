import type { MethodContract } from './contract.ts';
import type { TraceContext } from './telemetry/trace-context.ts';

/**
 * What a call passes on to the calls that it makes itself. A domain may declare the parts that it uses as its own type; the
 * types are structural, so it needs no import from here.
 */
export interface CallContext extends TraceContext {
  /** Aborts at the deadline and when the caller leaves. Its reason is an RpcError. */
  readonly signal: AbortSignal;
  /** The deadline, in milliseconds on `performance.now()`'s scale. */
  readonly deadlineAt: number;
  /** The same id for all calls that one request from outside causes. */
  readonly requestId: string;
  /**
   * True in every call that a handler receives. Calls made with it are nested, and only the outermost caller retries: three
   * attempts on each of three layers would make 27.
   */
  readonly nested?: boolean | undefined;
}

/** The caller and its wishes for this call. Unlike the context, none of it is passed on to nested calls. */
export interface Caller {
  /** The first word of its User-Agent, e.g. `checkout/0.1.0`. Nothing proves it. */
  readonly name?: string | undefined;
  /** Names the intended effect. A param of that name is copied here; a call with two different keys is refused. */
  readonly idempotencyKey?: string | undefined;
  /** On a server: the header of the HTTP request, the same for all calls of a batch. */
  readonly authorization?: string | undefined;
  /** The calling service, as `checkAccess` proved it. */
  readonly service?: string | undefined;
  /** The remote address of its connection; behind a proxy, the proxy's. */
  readonly address?: string | undefined;
}

/** One call, in the same form on both sides of the wire. Params and result are in wire form (`z.input`). */
export interface Call extends CallContext {
  readonly service: string;
  readonly method: string;
  /** Undefined when the service has no such method: interceptors see those calls too. */
  readonly contract: MethodContract | undefined;
  readonly params: unknown;
  readonly caller: Caller;
  /** On a server: when the call began here, on `performance.now()`'s scale. */
  readonly startedAt?: number | undefined;
  /** On a server: headers of the answer, shared by the calls of a batch. */
  readonly answerHeaders?: Map<string, string> | undefined;
  /**
   * Of a method that answers with a stream: passes on the next item, in wire form. Resolves when the receiver has taken it, and rejects
   * when the receiver has left. The call itself settles when the stream ends; its result is `undefined`.
   */
  readonly emit?: Emit | undefined;
  /** On a client: where the other attempts at this call went. A balancer prefers other endpoints, and adds its own choice. */
  readonly endpoints?: Set<object> | undefined;
  /** On a server: runs the task after the answer. A failure is reported to `onDeferred`; a draining server waits for the tasks. */
  readonly defer?: ((task: DeferredTask) => void) | undefined;
}

/** Sends one item of a stream, in wire form. Resolves when the receiver has room for the next one; rejects when it has left. */
export type Emit = (item: unknown) => Promise<void>;

/** Work of a call that its caller need not wait for: a journal entry, a cache fill. */
export type DeferredTask = () => Promise<unknown>;

/** A call as a handler receives it. */
export type ServedCall = Call & Required<Pick<Call, 'defer'>>;

/** Executes a call: resolves with its result or rejects with an RpcError. */
export type Next = (call: Call) => Promise<unknown>;

/** Wraps the next step. Servers and clients use the same type; the first interceptor of a list is the outermost. */
export type Interceptor = (next: Next) => Next;

/** Wraps the last step in the interceptors. */
export function compose(interceptors: readonly Interceptor[], last: Next): Next {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), last);
}
