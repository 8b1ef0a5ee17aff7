import type { MethodContract } from './contract.ts';
import type { TraceContext } from './telemetry/trace-context.ts';

/**
 * What one call hands on to the calls that it makes itself. A domain may declare the parts that it passes through
 * as a type of its own; the shapes fit, so it needs no import from here.
 */
export interface CallContext extends TraceContext {
  /** Aborts at the deadline and when the caller goes away. Its reason is an RpcError. */
  readonly signal: AbortSignal;
  /** When the call must be over, in milliseconds on `performance.now()`'s scale. */
  readonly deadlineAt: number;
  /** One id for all that one request from outside causes. */
  readonly requestId: string;
  /**
   * True in what a service hands to its handlers: calls made with it are part of answering another call, whose caller may
   * try the whole again. Only that outermost caller does; three attempts on each of three layers would make 27.
   */
  readonly nested?: boolean | undefined;
}

/**
 * What a caller says of itself and of this call. It is for the called service alone: unlike the context, none of it goes
 * on to the calls that this one makes.
 */
export interface Caller {
  /** The first word of its User-Agent, e.g. `checkout/0.1.0`. */
  readonly name?: string | undefined;
  /** Names the intended effect. A handler finds a param of that name here, too; a call with two different ones is refused. */
  readonly idempotencyKey?: string | undefined;
  readonly authorization?: string | undefined;
  /** The address that its connection comes from; behind a proxy, the proxy's. */
  readonly address?: string | undefined;
}

/** One call on its way, the same on both sides of the wire. Params and result are in wire form (`z.input`). */
export interface Call extends CallContext {
  readonly service: string;
  readonly method: string;
  /** Undefined when the service has no such method, so that interceptors see those calls too. */
  readonly contract: MethodContract | undefined;
  readonly params: unknown;
  readonly caller: Caller;
  /** On a server: headers to go along with the answer. The calls of a batch share them. */
  readonly answerHeaders?: Map<string, string> | undefined;
  /**
   * On a server: does the task after the answer, which does not wait for it. A failure is told to the service's
   * `deferredTasks`; a draining server waits for the tasks, for a while.
   */
  readonly defer?: ((task: DeferredTask) => void) | undefined;
}

/** Work that belongs to a call but that its caller need not wait for: a journal entry, a cache to be filled. */
export type DeferredTask = () => Promise<unknown>;

/** A call that a service answers. */
export type ServedCall = Call & Required<Pick<Call, 'defer'>>;

/** Carries a call out and gives its result; fails by rejecting with an RpcError. */
export type Next = (call: Call) => Promise<unknown>;

/** Wraps what comes after it. The same shape serves on servers and clients; the first in a list is the outermost. */
export type Interceptor = (next: Next) => Next;

/** Puts interceptors around the last step. */
export function compose(interceptors: readonly Interceptor[], last: Next): Next {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), last);
}
