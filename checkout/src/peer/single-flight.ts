import type { Context, Product, ProductCatalogue } from '../domain/ports.ts';

/** A request under way and those who wait for it. */
interface Flight {
  readonly product: Promise<Product>;
  readonly abandoned: AbortController;
  waiting: number;
}

/**
 * Asks for a sku once, however many ask at the same moment: all of them get the one answer, or the one failure. A caller
 * that leaves takes nothing from the others; when the last one has left, the request is cut off.
 */
export function singleFlight(catalogue: ProductCatalogue): ProductCatalogue {
  const flights = new Map<number, Flight>();

  function depart(sku: number, { requestId, traceparent, tracestate, baggage }: Context): Flight {
    const abandoned = new AbortController();
    // The deadline of whoever came first must not be that of all, so it stays behind; each waits by its own signal.
    const context = { signal: abandoned.signal, requestId, traceparent, tracestate, baggage };
    const flight: Flight = { product: catalogue.product(sku, context), abandoned, waiting: 0 };
    flights.set(sku, flight);
    const land = (): void => {
      if (flights.get(sku) === flight) flights.delete(sku);
    };
    flight.product.then(land, land);
    return flight;
  }

  function leave(sku: number, flight: Flight, reason: unknown): void {
    flight.waiting -= 1;
    if (flight.waiting > 0) return;
    // Whoever comes now must not join a request that is being cut off.
    if (flights.get(sku) === flight) flights.delete(sku);
    flight.abandoned.abort(reason);
  }

  return {
    async product(sku, context) {
      context.signal.throwIfAborted();
      const flight = flights.get(sku) ?? depart(sku, context);
      flight.waiting += 1;
      return await new Promise<Product>((resolve, reject) => {
        const onAbort = (): void => {
          leave(sku, flight, context.signal.reason);
          reject(context.signal.reason);
        };
        context.signal.addEventListener('abort', onAbort, { once: true });
        const arrived = (): void => context.signal.removeEventListener('abort', onAbort);
        flight.product.finally(arrived).then(resolve, reject);
      });
    },
  };
}
