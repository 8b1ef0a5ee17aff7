import { createHmac } from 'node:crypto';
import type { Registry } from 'prom-client';
import {
  breakerMetrics,
  type Call,
  clientMetrics,
  clientTracing,
  createCircuitBreaker,
  createClient,
  createRetryBudget,
  defineService,
  failedWith,
  int64,
  parseRetryAfter,
  RpcError,
  retry,
  retryBudgetMetrics,
  retryMetrics,
  stringifyJson,
  type Transport,
  timestamp,
  uint32,
} from 'rpc-kit';
import { parseHttpUrl } from 'rpc-kit/urls';
import { Agent, type Dispatcher } from 'undici';
import { z } from 'zod';
import type { Target } from '../domain/delivery-ports.ts';
import { DeliveryRefused } from '../domain/errors.ts';

export interface WebhookOptions {
  /** Its userinfo is sent as Basic authentication. */
  readonly url: string;
  /** Signs each body, so that the receiver knows whom it comes from. */
  readonly secret?: string | undefined;
  readonly userAgent: string;
  readonly registry: Registry;
}

/** Attempts and all. The lease of a delivery is longer by far. */
const TIMEOUT_MS = 5_000;

/** A receiver as the kit sees it, so that a call to it has a deadline, a breaker and retries like any other. */
const webhook = defineService(
  'webhook',
  { summary: 'Whoever wants to know of notifications.', version: '1' },
  {
    notify: {
      summary: 'Takes one notification.',
      params: z.object({
        eventID: z.uuid(),
        orderID: int64,
        seq: uint32,
        user: int64,
        status: z.string(),
        at: timestamp,
        text: z.string(),
      }),
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
          text: 'Order 1 is payed.',
        },
        result: {},
      },
    },
  },
);
const { notify } = webhook.methods;

/** Posts each notification to a URL, with its eventID as the Idempotency-Key. */
export function createWebhook(options: WebhookOptions): Target & AsyncDisposable {
  const { url, registry } = options;
  const breaker = createCircuitBreaker({
    on: breakerMetrics(registry, { peer: webhook.name, endpoint: parseHttpUrl(url).origin }),
  });
  const budget = createRetryBudget();
  retryBudgetMetrics(registry, webhook.name, budget);
  const guarded = breaker.guard(createPost(options));
  const client = createClient(webhook, guarded, {
    interceptors: [clientTracing(), clientMetrics(registry), retry({ budget, on: retryMetrics(registry) })],
  });
  return {
    async deliver({ eventID, orderID, seq, user, status, at, text }, { signal, traceparent, tracestate }) {
      try {
        const options = { signal, traceparent, tracestate, idempotencyKey: eventID };
        await client.notify({ eventID, orderID, seq, user, status, at, text }, options);
      } catch (error) {
        if (!failedWith(error, notify, 'refused')) throw error;
        throw new DeliveryRefused(`the webhook answered ${error.details.status}`, { cause: error });
      }
    },
    [Symbol.asyncDispose]: () => guarded[Symbol.asyncDispose](),
  };
}

/** Statuses that say nothing against the notification itself: the same request may be taken later. */
const PASSING = new Set([408, 425, 429]);

/** A plain POST of the call's params. What is in the answer beside its status is not looked at. */
function createPost({ url, secret, userAgent }: WebhookOptions): Transport & AsyncDisposable {
  const { origin, pathname, search, authorization } = parseHttpUrl(url);
  // Not fetch, which refuses some eighty ports that browsers may not use. A redirect is not followed: a signed body would
  // go to somewhere that nobody configured.
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
      // Baggage may tell of persons, and the receiver is none of our services: it does not get any.
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
      // Whatever is in it, and however much: nobody waits for it.
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
