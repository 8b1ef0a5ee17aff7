import assert from 'node:assert/strict';
import { Failure } from '../failure.ts';

const SKU = 1076963;
const CALL_TIMEOUT_MS = 10_000;

type Answer = { status: number; body: Record<string, unknown> };
/** Sends a request to the gateway, as the person who has signed in. */
export type Call = (method: string, path: string, body?: object, headers?: Record<string, string>) => Promise<Answer>;

function openCalls(port: number, accessToken?: unknown): Call {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}/v1${path}`, {
      method,
      headers: {
        connection: 'close',
        ...(body && { 'content-type': 'application/json' }),
        ...(accessToken ? { authorization: `Bearer ${accessToken}` } : {}),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status >= 500) throw new Failure(`${method} ${path} answered ${response.status}: ${text}`);
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  };
}

async function expectStatus(wanted: number, answer: Promise<Answer>): Promise<Record<string, unknown>> {
  const { status, body } = await answer;
  assert.equal(status, wanted, JSON.stringify(body));
  return body;
}

/** A first attempt whose answer was lost has registered the person already. */
async function signIn(port: number, name: string): Promise<Call> {
  const credentials = { email: `${name}@shop.example`, password: 'a walk along the river' };
  const anonymous = openCalls(port);
  const registered = await anonymous('POST', '/auth/register', credentials);
  const login = () => expectStatus(200, anonymous('POST', '/auth/login', credentials));
  return openCalls(port, (registered.status === 201 ? registered.body : await login()).accessToken);
}

/** Registers a person, who buys two books and pays for them. */
export async function buy(port: number, name: string): Promise<Call> {
  const call = await signIn(port, name);
  await expectStatus(200, call('GET', `/products/${SKU}`));
  await expectStatus(204, call('POST', '/cart/items', { sku: SKU, count: 2 }));
  const { totalPrice } = await expectStatus(200, call('GET', '/cart'));
  assert.equal(typeof totalPrice, 'number');
  // With the key a repeated call is the same purchase, whether or not the first attempt succeeded.
  const key = { 'idempotency-key': `smoke-${name}` };
  const { orderID } = await expectStatus(201, call('POST', '/cart/purchase', undefined, key));
  await expectStatus(200, call('POST', `/orders/${orderID}/pay`));
  return call;
}

export async function checkNotifications(call: Call): Promise<void> {
  const { items } = await expectStatus(200, call('GET', '/notifications'));
  const statuses = (items as { status: string }[]).map(({ status }) => status);
  assert.deepEqual(statuses, ['paid', 'awaiting_payment', 'new'], 'each status has to be shown, newest first');
}
