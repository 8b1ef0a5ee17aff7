import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { Registry } from 'prom-client';
import { openPeer } from 'service-kit';
import { openMeshAlone, type TestMesh } from 'testing';

/** A running mesh, with a person who has an order. */
export interface Field {
  readonly mesh: TestMesh;
  /** Its product is on sale in any quantity that a run needs. */
  readonly sku: number;
  readonly orderID: string;
  /** The header of a valid access token; a new one when it gets old. */
  authorization(): Promise<string>;
  /** The header of a service token of the gateway, valid for the whole run. */
  callerOf(service: string): Promise<string>;
  emptyCart(): Promise<void>;
  /** The person's id. */
  readonly user: bigint;
}

/** Of the catalogue of the mesh. */
const SKU = 1076963;
const WAREHOUSE = 1n;
/** More than one run can put into a cart. */
const SUPPLY = 1_000_000n;
/** The most that a limit of the gateway may be: these requests come from one person on one address. */
const UNLIMITED = '1000000';
/** An access token lives for 300 s, and a measurement takes a few seconds. */
const RENEWED_AFTER_MS = 120_000;
/** The longest that accepted service tokens live. */
const CALLER_SECONDS = 900;
const LINE_COUNT_MAX = 65_535;

export async function openField(stack: AsyncDisposableStack): Promise<Field> {
  const mesh = stack.use(
    await openMeshAlone({
      RATE_LIMIT_USER: UNLIMITED,
      RATE_LIMIT_ADDRESS: UNLIMITED,
      RATE_LIMIT_AUTH: UNLIMITED,
      // Each attempt of the flood of logins comes from an address of its own.
      TRUSTED_PROXIES: '127.0.0.1',
    }),
  );
  const peer = { userAgent: 'benchmark/1.0.0', registry: new Registry(), identity: mesh.caller };
  const stock = stack.use(openPeer(loms, { urls: [mesh.urls.loms], ...peer }));
  const carts = stack.use(openPeer(checkout, { urls: [mesh.urls.checkout], ...peer, registry: new Registry() }));
  await stock.client.adjustStock({ sku: SKU, warehouseID: WAREHOUSE, delta: SUPPLY, idempotencyKey: 'benchmark' });

  const ask = async <T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> => {
    const response = await fetchUntilServed(`${mesh.urls.gateway}/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  let session = await ask<Session>('/auth/register', {
    email: 'bench@shop.example',
    password: 'a walk along the river',
  });
  let renewedAt = performance.now();
  const authorization = async (): Promise<string> => {
    if (performance.now() - renewedAt > RENEWED_AFTER_MS) {
      session = await ask<Session>('/auth/refresh', { refreshToken: session.refreshToken });
      renewedAt = performance.now();
    }
    return `Bearer ${session.accessToken}`;
  };
  const order = await ask<{ readonly orderID: string }>(
    '/orders',
    { items: [{ sku: SKU, count: 1 }] },
    { authorization: await authorization(), 'idempotency-key': 'benchmark' },
  );
  const user = BigInt(session.user.id);
  return {
    mesh,
    sku: SKU,
    orderID: order.orderID,
    user,
    authorization,
    callerOf: async (service) => `Bearer ${await mesh.caller.tokenFor(service, CALLER_SECONDS)}`,
    async emptyCart() {
      await carts.client.deleteFromCart({ user, sku: SKU, count: LINE_COUNT_MAX });
    },
  };
}

/** After a flood, accounts first has to finish what it has begun. */
const SERVED_WITHIN_MS = 30_000;
const POLL_MS = 200;

/** Sends a request again while its answer is 503 or 504. */
export async function fetchUntilServed(url: string, request: RequestInit): Promise<Response> {
  const until = performance.now() + SERVED_WITHIN_MS;
  for (;;) {
    const response = await fetch(url, request);
    if (response.status < 503 || performance.now() > until) return response;
    await sleep(POLL_MS);
  }
}

interface Session {
  readonly user: { readonly id: string };
  readonly accessToken: string;
  readonly refreshToken: string;
}
