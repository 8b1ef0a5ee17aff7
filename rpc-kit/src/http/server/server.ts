import { setTimeout as sleep } from 'node:timers/promises';
import { keepTimerLists } from '../../deadline.ts';
import { ROOT } from '../../documents/place.ts';
import { checkWhole, LIMIT } from '../../schema/whole-number.ts';
import type { Service } from '../../server.ts';
import type { ConcurrencyLimit } from '../../serving/concurrency-limit.ts';
import type { TlsSource } from '../tls.ts';
import { createRouter, type ServingOptions } from './create-router.ts';
import { answerRequest } from './exchange.ts';
import { UNMEASURED } from './http-metrics.ts';
import { HTTP_LIMIT_RANGES, HTTP_LIMITS, type HttpLimits } from './limits.ts';
import { createListener } from './listener.ts';
import { OverloadRefusals } from './overload.ts';
import { Request } from './request.ts';
import type { Router } from './router.ts';
import { stopping } from './stream-face.ts';

/** Where `serveHttp` listens, its limits, and how it stops. */
export interface HttpServerOptions extends ServingOptions {
  /** 0 picks a free port. */
  readonly port: number;
  readonly host: string;
  readonly limits?: Partial<HttpLimits>;
  /** Serves https only, and calls only for clients whose certificates are from its authority; see docs/decisions/0038. */
  readonly tls?: TlsSource | undefined;
  /** The phases of a stop; see `close`. */
  readonly drain?: Partial<DrainTimes>;
}

/** The phases of a stop, in milliseconds. */
export interface DrainTimes {
  /** `/readyz` fails while the server still serves: the time that a load balancer needs to notice. */
  readonly notReadyMs: number;
  /** No new connections; calls in flight and their deferred tasks finish. */
  readonly finishMs: number;
}

/** A server that listens. Disposing of it stops it. */
export interface HttpServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /**
   * Drains and stops: fails readiness, stops accepting, ends the streams, closes each connection with its next answer, and waits for
   * the calls in flight, then for their deferred tasks. Connections that are still open after `finishMs` are destroyed.
   * @param finishMs overrides `drain.finishMs`
   */
  close(finishMs?: number): Promise<void>;
}

export const DRAIN_TIMES = {
  // Clients of this kit notice a closed port at once and call another endpoint; a load balancer that polls /readyz needs time.
  notReadyMs: 0,
  // Most timeouts are below one second, and supervisors commonly wait 5 s before they kill a process.
  finishMs: 3_500,
} as const satisfies DrainTimes;

export const DRAIN_RANGE = { ...LIMIT, min: 0 };

/**
 * Serves one service over HTTP: both faces and every page.
 * @throws {RangeError} for a limit or time outside its range
 * @throws {Error} when the port is in use or the host cannot be bound
 */
export async function serveHttp(service: Service, options: HttpServerOptions): Promise<HttpServer> {
  const limits: HttpLimits = checkWhole({ ...HTTP_LIMITS, ...options.limits }, HTTP_LIMIT_RANGES);
  const drain = checkWhole({ ...DRAIN_TIMES, ...options.drain }, { notReadyMs: DRAIN_RANGE, finishMs: DRAIN_RANGE });
  let stage: 'serving' | 'not ready' | 'closing' = 'serving';
  const router = createRouter(service, {
    ...options,
    limits,
    place: ROOT,
    scheme: options.tls ? 'https' : 'http',
    isMutualTls: options.tls !== undefined,
    draining: () => stage !== 'serving',
    closing: () => stage === 'closing',
  });
  const refusals = options.admission && refusalsOf(router, options.admission, options.metrics);
  const listener = createListener({
    limits,
    metrics: router.metrics,
    tls: options.tls,
    requestClass: Request,
    answer(request, response, pending) {
      if (refusals?.answer(request as Request, response, pending)) return;
      answerRequest(router, request as Request, response, pending);
    },
  });
  const { url, port } = await listener.listen(options);
  const timerLists = keepTimerLists(Object.values(service.contract.methods).map(({ timeoutMs }) => timeoutMs));

  const close = async (finishMs = drain.finishMs): Promise<void> => {
    stage = 'not ready';
    if (drain.notReadyMs > 0) await sleep(drain.notReadyMs);
    stage = 'closing';
    for (const stream of [...router.streams]) stream.cancel(stopping());
    const finishedBy = performance.now() + finishMs;
    await listener.close(finishMs);
    await service.drain(Math.max(0, finishedBy - performance.now()));
    timerLists[Symbol.dispose]();
  };
  return { url, port, close, [Symbol.asyncDispose]: () => close() };
}

function refusalsOf(router: Router, admission: ConcurrencyLimit, metrics = UNMEASURED): OverloadRefusals {
  return new OverloadRefusals(router, admission, (path, method = 'unknown') => [
    metrics.shedOf(method),
    ...router.metrics.refusalsAt(path),
  ]);
}
