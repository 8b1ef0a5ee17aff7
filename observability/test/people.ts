import type { PerService } from 'testing';

const SKU = 1076963;
const TIMEOUT_MS = 20_000;
const PASSWORD = 'a walk along the river';

/** A person who uses the gateway. */
export interface Person {
  readonly accessToken: string;
}

type Answer = Readonly<Record<string, unknown>>;

/** Registers a person; logs in rightly and wrongly, refreshes, and orders goods. */
export async function joinGateway({ gateway }: PerService<string>, name: string): Promise<Person> {
  const credentials = { email: `${name}@shop.example`, password: PASSWORD };
  await send(gateway, 'POST', '/auth/register', { body: credentials });
  await send(gateway, 'POST', '/auth/login', { body: { ...credentials, password: 'a walk along another river' } });
  const { refreshToken } = await send(gateway, 'POST', '/auth/login', { body: credentials });
  const { accessToken } = await send(gateway, 'POST', '/auth/refresh', { body: { refreshToken } });
  const person = { accessToken: String(accessToken) };
  await send(gateway, 'POST', '/cart/items', { person, body: { sku: SKU, count: 1 } });
  const { orderID } = await send(gateway, 'POST', '/cart/purchase', { person, key: `key-of-${name}` });
  await send(gateway, 'POST', `/orders/${orderID}/pay`, { person });
  return person;
}

/** Reads as the person, as a stranger, and at addresses that do not exist. */
export async function readGateway({ gateway }: PerService<string>, person: Person): Promise<void> {
  for (const path of ['/products?limit=2', '/cart', '/orders', '/notifications', `/products/${SKU}`]) {
    await send(gateway, 'GET', path, { person });
  }
  await send(gateway, 'GET', '/cart');
  await send(gateway, 'GET', '/cart', { person: { accessToken: 'no.such.token' } });
  await send(gateway, 'GET', `/no-such-address-${Date.now()}`);
}

type Content = { readonly person?: Person; readonly body?: object; readonly key?: string };

async function send(
  gateway: string,
  method: string,
  path: string,
  { person, body, key }: Content = {},
): Promise<Answer> {
  const response = await fetch(`${gateway}/v1${path}`, {
    method,
    headers: {
      ...(person && { authorization: `Bearer ${person.accessToken}` }),
      ...(body && { 'content-type': 'application/json' }),
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  return text === '' ? {} : JSON.parse(text);
}
