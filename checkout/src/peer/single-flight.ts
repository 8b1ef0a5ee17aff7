import type { Context, ProductLookup } from '../domain/ports.ts';

/** A request in flight and its waiters. */
interface Flight<Answer> {
  readonly product: Promise<Answer>;
  readonly abandoned: AbortController;
  waiters: number;
}

/**
 * Concurrent requests for one sku share one request and its result or failure. A caller may leave without affecting the
 * others; when the last one leaves, the request is cancelled.
 */
export function singleFlight<Answer>(lookup: ProductLookup<Answer>): ProductLookup<Answer> {
  const flights = new Map<number, Flight<Answer>>();

  function start(sku: number, { requestId, traceparent, tracestate, baggage }: Context): Flight<Answer> {
    const abandoned = new AbortController();
    // Without the first caller's deadline, which must not hold for the others; each caller waits by its own signal.
    const context = { signal: abandoned.signal, requestId, traceparent, tracestate, baggage };
    const flight: Flight<Answer> = { product: lookup.product(sku, context), abandoned, waiters: 0 };
    flights.set(sku, flight);
    const forget = (): void => {
      if (flights.get(sku) === flight) flights.delete(sku);
    };
    flight.product.then(forget, forget);
    return flight;
  }

  function leave(sku: number, flight: Flight<Answer>, reason: unknown): void {
    flight.waiters -= 1;
    if (flight.waiters > 0) return;
    // A later caller must not join a request that is being cancelled.
    if (flights.get(sku) === flight) flights.delete(sku);
    flight.abandoned.abort(reason);
  }

  return {
    async product(sku, context) {
      context.signal.throwIfAborted();
      const flight = flights.get(sku) ?? start(sku, context);
      flight.waiters += 1;
      return await new Promise<Answer>((resolve, reject) => {
        const onAbort = (): void => {
          leave(sku, flight, context.signal.reason);
          reject(context.signal.reason);
        };
        context.signal.addEventListener('abort', onAbort, { once: true });
        const unfollow = (): void => context.signal.removeEventListener('abort', onAbort);
        flight.product.finally(unfollow).then(resolve, reject);
      });
    },
  };
}
