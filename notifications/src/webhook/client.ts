import { createHmac } from 'node:crypto';
import type { Registry } from 'prom-client';
import {
  type Call,
  createCircuitBreaker,
  createClient,
  createRetryBudget,
  defineService,
  parseRetryAfter,
  RpcError,
  retry,
  stringifyJson,
  type Transport,
} from 'rpc-kit';
import { breakerMetrics, clientMetrics, retryBudgetMetrics, retryMetrics } from 'rpc-kit/metrics';
import { clientTracing } from 'rpc-kit/tracing';
import { parseHttpUrl } from 'rpc-kit/urls';
import { Agent, type Dispatcher } from 'undici';
import { z } from 'zod';
import { notification } from '../../contract.ts';
import type { Context, Notification } from '../domain/ports.ts';

export interface WebhookOptions {
  /** Its userinfo is sent as Basic authentication. */
  readonly url: string;
  /** The key of the signature of each body. */
  readonly secret?: string | undefined;
  readonly userAgent: string;
  readonly registry: Registry;
}

/** Of a delivery with its quick retries; far below the lease of its claim. */
const TIMEOUT_MS = 5_000;

/** A contract for the receiver, so that a call to it has a deadline, a circuit breaker and retries like any other. */
const receiver = defineService(
  'webhook',
  { summary: 'The receiver of notifications.', version: '1' },
  {
    notify: {
      summary: 'Receives one notification.',
      params: notification,
      result: z.object({}),
      errors: {
        refused: {
          code: 'failed_precondition',
          message: 'The receiver refused the notification',
          details: z.object({ status: z.int() }),
        },
      },
      timeoutMs: TIMEOUT_MS,
      retry: 'with-idempotency-key',
      example: {
        params: {
          eventID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01',
          orderID: 1,
          seq: 3,
          user: 1,
          status: 'payed',
          at: '2026-11-20T09:00:01.250Z',
          text: 'Order 1 is paid.',
        },
        result: {},
      },
    },
  },
);
export const { notify } = receiver.methods;

export interface Webhook extends AsyncDisposable {
  /** Resolves once the receiver has acknowledged the notification. Fails with `refused` if it refuses its content. */
  deliver(notification: Notification, context: Context): Promise<void>;
}

/** Posts each notification to a URL, with its eventID as the Idempotency-Key. */
export function createWebhook(options: WebhookOptions): Webhook {
  const { url, registry } = options;
  const breaker = createCircuitBreaker({
    on: breakerMetrics(registry, { peer: receiver.name, endpoint: parseHttpUrl(url).origin }),
  });
  const budget = createRetryBudget();
  retryBudgetMetrics(registry, receiver.name, budget);
  const guarded = breaker.guard(createPost(options));
  const client = createClient(receiver, guarded, {
    interceptors: [clientTracing(), clientMetrics(registry), retry({ budget, on: retryMetrics(registry) })],
  });
  return {
    async deliver(delivered, { signal, traceparent, tracestate }) {
      await client.notify(delivered, { signal, traceparent, tracestate, idempotencyKey: delivered.eventID });
    },
    [Symbol.asyncDispose]: () => guarded[Symbol.asyncDispose](),
  };
}

/** Client errors that a retry may overcome; all others refuse the notification. */
const PASSING = new Set([408, 425, 429]);

/** A plain POST of the call's params. Of the answer only the status and Retry-After count. */
function createPost({ url, secret, userAgent }: WebhookOptions): Transport & AsyncDisposable {
  const { origin, pathname, search, authorization } = parseHttpUrl(url);
  // Not fetch, which refuses some eighty ports that browsers may not use. Redirects are not followed: the signed body would reach
  // an address that is not configured.
  const agent = new Agent();
  return {
    async call({ params, caller, requestId, traceparent, tracestate, signal }: Call) {
      const body = stringifyJson(params);
      const headers: Record<string, string> = {
        'content-type': 'application/json',
        'user-agent': userAgent,
        'x-request-id': requestId,
        'idempotency-key': caller.idempotencyKey ?? '',
      };
      if (authorization !== undefined) headers.authorization = authorization;
      // No baggage, which may hold personal data: the receiver is not one of our services.
      if (traceparent !== undefined) headers.traceparent = traceparent;
      if (tracestate !== undefined) headers.tracestate = tracestate;
      if (secret !== undefined) headers['x-signature-256'] = `sha256=${sign(body, secret)}`;
      let response: Dispatcher.ResponseData;
      try {
        response = await agent.request({ origin, path: pathname + search, method: 'POST', body, headers, signal });
      } catch (error) {
        signal.throwIfAborted();
        throw new RpcError('unavailable', 'The webhook cannot be reached', { cause: error });
      }
      // The body may never end, so it is not read.
      response.body.on('error', () => {}).destroy();
      return toResult(response);
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

function toResult({ statusCode: status, headers }: Dispatcher.ResponseData): Record<string, never> {
  if (status >= 200 && status < 300) return {};
  if (status >= 500 || PASSING.has(status)) {
    const retryAfter = headers['retry-after']?.toString();
    const retryAfterMs = parseRetryAfter({ retryAfter, date: headers.date?.toString() });
    const code = status === 429 ? 'resource_exhausted' : 'unavailable';
    throw new RpcError(code, `The webhook answered ${status}`, { retryAfterMs });
  }
  const message = `The webhook answered ${status}`;
  throw new RpcError('failed_precondition', message, { reason: 'refused', details: { status } });
}

function sign(body: string, secret: string): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}
