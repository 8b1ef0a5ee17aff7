import type { Service } from '../../server.ts';
import { answerRequest } from './exchange.ts';
import { FetchRequest } from './fetch-request.ts';
import { FetchResponse } from './fetch-response.ts';
import { createMount, type Mounted, type MountOptions } from './mount.ts';

/** What a Request does not say of its sender. */
export interface FetchCaller {
  /** Its IP address, for limits of callers. */
  readonly address?: string | undefined;
}

/** What `createFetchHandler` gives to the host. */
export interface FetchHandler extends Mounted {
  (request: Request, caller?: FetchCaller): Promise<Response>;
}

/**
 * Serves a service on any server whose handlers take a Request and give a Response: Hono, Next.js, Deno, Bun. Both faces, its
 * documents, and every limit that does not belong to connections. The Request's signal cancels its calls.
 * @throws {RangeError} for a limit outside its range
 * @throws {TypeError} for a prefix that is no path
 */
export function createFetchHandler(service: Service, options: MountOptions = {}): FetchHandler {
  const { router, owe, close, [Symbol.asyncDispose]: dispose } = createMount(service, options, false);
  const handle = (received: Request, { address }: FetchCaller = {}): Promise<Response> => {
    // Servers pass a second argument of their own.
    const known = typeof address === 'string' ? address : undefined;
    const request = new FetchRequest(received, known, router.limits);
    const response = new FetchResponse();
    const pending = owe();
    const { signal } = received;
    const onLeft = (): void => {
      pending.abandon();
      request.leave();
    };
    response.once('close', () => {
      signal.removeEventListener('abort', onLeft);
      pending.abandon();
    });
    signal.addEventListener('abort', onLeft, { once: true });
    answerRequest(router, request, response, pending);
    if (signal.aborted) onLeft();
    return response.received;
  };
  return Object.assign(handle, { close, [Symbol.asyncDispose]: dispose });
}
