import { Canceller, keepTimerLists } from '../../deadline.ts';
import type { PageAddress } from '../../documents/place.ts';
import { RpcError } from '../../rpc-error.ts';
import { checkWhole } from '../../schema/whole-number.ts';
import type { Service } from '../../server.ts';
import type { Scheme } from './browser-boundary.ts';
import type { OwedAnswer } from './carried.ts';
import { createRouter, type ServingOptions } from './create-router.ts';
import { HTTP_LIMIT_RANGES, HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { type Abandonable, callerLeft } from './pending-answer.ts';
import type { Router } from './router.ts';
import { DRAIN_TIMES } from './server.ts';
import { stopping } from './stream-face.ts';

/** The limits that hold below another server, which owns connections and headers. */
export type MountLimits = Omit<
  HttpLimits,
  | 'headersTimeoutMs'
  | 'keepAliveTimeoutMs'
  | 'connectionsMax'
  | 'headerBytesMax'
  | 'handshakeTimeoutMs'
  | 'handshakesMax'
>;

/** Where the host serves a mounted service, and which of its pages. */
export interface MountOptions extends ServingOptions {
  /** The path below which the host passes requests on, e.g. `/prices`; whole, as the host's callers write it. Default: all paths. */
  readonly prefix?: string;
  /** By which callers reach the host, also through a proxy. Default: http. */
  readonly scheme?: Scheme;
  /** Default: `/docs`, `/openrpc.json` and `/openapi.json`. The host has a page of health and metrics of its own. */
  readonly pages?: readonly PageAddress[];
  readonly limits?: Partial<MountLimits>;
}

/** A service on another server, which stops before its host does. */
export interface Mounted extends AsyncDisposable {
  /**
   * Fails `/readyz`, ends the streams, and waits for the calls in flight, then for their deferred tasks. Calls that take longer than
   * `finishMs`, and calls that arrive afterwards, are answered with `unavailable`.
   */
  close(finishMs?: number): Promise<void>;
}

export interface Mount extends Mounted {
  readonly router: Router;
  /** The next request has arrived. */
  owe(): MountedAnswer;
}

const DOCUMENTS = ['/docs', '/openrpc.json', '/openapi.json'] as const satisfies readonly PageAddress[];

/** An empty prefix, or segments as a URL has them. */
const PREFIX = /^(?:\/[\w.~%-]+)*$/;

/**
 * @param closesConnections whether the answers of a stopping service close the connection that brought their request
 * @throws {RangeError} for a limit outside its range
 * @throws {TypeError} for a prefix that is no path
 */
export function createMount(service: Service, options: MountOptions, closesConnections: boolean): Mount {
  const { prefix = '', scheme = 'http', pages = DOCUMENTS } = options;
  if (!PREFIX.test(prefix)) throw new TypeError(`The prefix "${prefix}" is no path such as /prices, without a final /`);
  const limits: HttpLimits = checkWhole({ ...HTTP_LIMITS, ...options.limits }, HTTP_LIMIT_RANGES);
  let stage: 'serving' | 'closing' | 'closed' = 'serving';
  const gated: Service = {
    contract: service.contract,
    drain: (timeoutMs) => service.drain(timeoutMs),
    call(call, caller) {
      const isRefused = stage === 'closed' || (stage === 'closing' && call.emit !== undefined);
      return isRefused ? Promise.reject(stopped()) : service.call(call, caller);
    },
  };
  const router = createRouter(gated, {
    ...options,
    host: 'localhost',
    limits,
    place: { prefix, pages },
    scheme,
    isMutualTls: false,
    draining: () => stage !== 'serving',
    closing: () => closesConnections && stage !== 'serving',
  });
  const timerLists = keepTimerLists(Object.values(service.contract.methods).map(({ timeoutMs }) => timeoutMs));
  const inFlight = new InFlight();

  const drain = async (finishMs: number): Promise<void> => {
    stage = 'closing';
    const finishedBy = performance.now() + finishMs;
    for (const stream of [...router.streams]) stream.cancel(stopping());
    await inFlight.whenEmpty(finishMs);
    stage = 'closed';
    inFlight.cancelAll(stopped());
    await service.drain(Math.max(0, finishedBy - performance.now()));
    timerLists[Symbol.dispose]();
  };
  let drained: Promise<void> | undefined;
  const close = (finishMs: number = DRAIN_TIMES.finishMs): Promise<void> => {
    drained ??= drain(finishMs);
    return drained;
  };
  return { router, owe: () => new MountedAnswer(inFlight), close, [Symbol.asyncDispose]: () => close() };
}

function stopped(): RpcError {
  return new RpcError('unavailable', 'The service stops');
}

/** The requests of a mount that are not answered. */
class InFlight {
  readonly #owed = new Set<MountedAnswer>();
  #onEmpty: (() => void) | undefined;

  add(answer: MountedAnswer): void {
    this.#owed.add(answer);
  }

  /** @returns whether it was in flight */
  delete(answer: MountedAnswer): boolean {
    const wasOwed = this.#owed.delete(answer);
    if (this.#owed.size === 0) this.#onEmpty?.();
    return wasOwed;
  }

  /** Resolves after the timeout, too. */
  async whenEmpty(timeoutMs: number): Promise<void> {
    if (this.#owed.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
  }

  cancelAll(reason: RpcError): void {
    for (const answer of [...this.#owed]) answer.cancel(reason);
  }
}

export class MountedAnswer extends Canceller implements OwedAnswer {
  readonly #inFlight: InFlight;
  owner: Abandonable | undefined;

  constructor(inFlight: InFlight) {
    super();
    this.#inFlight = inFlight;
    inFlight.add(this);
  }

  settle(): void {
    this.#inFlight.delete(this);
  }

  /** The caller has left, or has its answer: hosts report both alike. */
  abandon(): void {
    if (!this.#inFlight.delete(this)) return;
    this.owner?.onAbandoned();
    this.cancel(callerLeft());
  }
}
