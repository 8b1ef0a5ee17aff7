import type { PerService } from 'testing';

const SKU = 1076963;
const TIMEOUT_MS = 20_000;

/** A person who uses the gateway. */
export interface Person {
  readonly credentials: { readonly email: string; readonly password: string };
  readonly accessToken: string;
}

/** Registers a person, who logs in wrongly, then rightly, and refreshes. */
export async function joinGateway({ gateway }: PerService<string>, name: string): Promise<Person> {
  const credentials = { email: `${name}@shop.example`, password: 'a walk along the river' };
  await send(gateway, 'POST', '/auth/register', { body: credentials });
  await send(gateway, 'POST', '/auth/login', { body: { ...credentials, password: 'a walk along another river' } });
  const { refreshToken } = await send(gateway, 'POST', '/auth/login', { body: credentials });
  const { accessToken } = await send(gateway, 'POST', '/auth/refresh', { body: { refreshToken } });
  return { credentials, accessToken: String(accessToken) };
}

/** Logs in, and reads as the person, as a stranger, and at an address that does not exist. */
export async function useGateway({ gateway }: PerService<string>, person: Person): Promise<void> {
  const { credentials, accessToken } = person;
  await send(gateway, 'POST', '/auth/login', { body: credentials });
  for (const path of ['/products?limit=2', '/cart', '/orders', '/notifications', `/products/${SKU}`]) {
    await send(gateway, 'GET', path, { accessToken });
  }
  await send(gateway, 'GET', '/cart');
  await send(gateway, 'GET', '/cart', { accessToken: 'no.such.token' });
  await send(gateway, 'GET', `/no-such-address-${Date.now()}`);
}

interface Content {
  readonly accessToken?: string;
  readonly body?: object;
}

async function send(gateway: string, method: string, path: string, { accessToken, body }: Content = {}) {
  const response = await fetch(`${gateway}/v1${path}`, {
    method,
    headers: {
      ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  return (text === '' ? {} : JSON.parse(text)) as Readonly<Record<string, unknown>>;
}
