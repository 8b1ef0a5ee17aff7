import { randomUUID } from 'node:crypto';
import { findRunningMesh } from 'mesh';
import type { TestMesh } from 'testing';
import { openSql, type Sql } from '../../src/sql.ts';

/** Beyond what a test asks: these tests are not about rates. */
export const UNLIMITED = {
  RATE_LIMIT_USER: '1000000',
  RATE_LIMIT_ADDRESS: '1000000',
  RATE_LIMIT_AUTH: '1000000',
  ADDRESS_ATTEMPTS_FREE: '1000000',
};

const TIMEOUT_MS = 30_000;

export interface RestAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read the members that they expect
  readonly body: any;
}

/** Sends one request to the gateway, as a client anywhere would. */
export async function rest(
  { urls }: Pick<TestMesh, 'urls'>,
  line: `${string} ${string}`,
  { token, body, headers = {} }: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<RestAnswer> {
  const [method = '', path = ''] = line.split(' ');
  const response = await fetch(`${urls.gateway}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

export interface SignedIn {
  readonly user: { readonly id: string; readonly email: string };
  readonly accessToken: string;
  readonly refreshToken: string;
}

export const PASSWORD = 'a walk along the river of tests';

/** A new person with a session. */
export async function register(mesh: Pick<TestMesh, 'urls'>): Promise<SignedIn> {
  const body = { email: `${randomUUID()}@shop.example`, password: PASSWORD };
  const { status, text, body: answer } = await rest(mesh, 'POST /v1/auth/register', { body });
  if (status !== 201) throw new Error(`register answered ${status}: ${text}`);
  return answer;
}

export async function login(mesh: Pick<TestMesh, 'urls'>, email: string, password = PASSWORD): Promise<SignedIn> {
  const { status, text, body } = await rest(mesh, 'POST /v1/auth/login', { body: { email, password } });
  if (status !== 200) throw new Error(`login answered ${status}: ${text}`);
  return body;
}

/** Runs SQL in the database of accounts. */
export function openAccountsSql(mesh: Pick<TestMesh, 'variables'>): Sql {
  return openSql(findRunningMesh(mesh.variables).databaseUrls.accounts);
}
