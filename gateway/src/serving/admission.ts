import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ConcurrencyLimit, RpcError } from 'rpc-kit';
import { idempotencyKeyOfRequest } from 'rpc-kit/http-server';
import { toNetwork } from 'service-kit';
import type { AccessTokens, Person } from '../auth/access-tokens.ts';
import type { RateLimit, Verdict } from '../limits/rate-limits.ts';
import { CHALLENGE, RestError, toOwnRefusal } from '../rest-error.ts';
import type { Route } from '../route.ts';
import { accessTokenOf } from '../session-cookies.ts';
import { clientAddressOf } from './client-address.ts';
import { exchangeOf } from './exchange.ts';

export interface RateLimits {
  /** Requests of one address. */
  readonly address: RateLimit;
  /** Requests of one address to routes that check secrets. */
  readonly auth: RateLimit;
  /** Requests of one user. */
  readonly user: RateLimit;
}

export interface AdmissionParts {
  readonly tokens: Pick<AccessTokens, 'verify'>;
  readonly limits: RateLimits;
  /** Requests in flight. */
  readonly concurrency: ConcurrencyLimit;
  /** Calls in flight that hash a password. */
  readonly passwordCalls: ConcurrencyLimit;
}

/** What the headers alone say of an admitted request. */
export interface Admitted {
  readonly person: Person | undefined;
  readonly idempotencyKey: string | undefined;
  readonly version: number;
}

/** Decides by the headers whether a request is served, before its body is read; the cheapest check comes first. */
export async function admit(
  row: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  parts: AdmissionParts,
): Promise<Admitted> {
  refuseUnexpectedBody(request);
  takeSlot(row, request, parts);
  const { address, auth, user } = parts.limits;
  await takeToken(row.limit === 'auth' ? auth : address, toNetwork(clientAddressOf(request)), reply);
  const person = row.who === 'anyone' ? undefined : await signIn(request, parts.tokens);
  if (person) await takeToken(user, String(person.user), reply);
  if (row.who === 'admin' && person?.role !== 'admin') {
    throw new RestError(403, 'permission_denied', 'Only an admin may do this');
  }
  return { person, idempotencyKey: keyOf(row, request), version: versionOf(row, request) };
}

/** RFC 9110, section 9.3.1: a body of GET has no meaning, and servers that disagree about it can be played against each other. */
function refuseUnexpectedBody({ method, headers }: FastifyRequest): void {
  if (method !== 'GET' && method !== 'HEAD') return;
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return;
  throw new RestError(400, 'invalid_request', `Send ${method} without a body`);
}

/** Refuses before a service does: the limit is lower than theirs, and it shrinks when their answers take longer. */
function takeSlot(row: Route, request: FastifyRequest, { concurrency, passwordCalls }: AdmissionParts): void {
  const exchange = exchangeOf(request.raw);
  const waits = row.calls.some((call) => call.waits);
  // The call takes its place itself, once the body has arrived: a slow sender must not hold one.
  const isFull = waits && !passwordCalls.hasRoom('low');
  const timeoutMs = row.calls.reduce((sum, call) => sum + call.timeoutMs, 0);
  const slot = isFull ? undefined : concurrency.tryAcquire(row.priority ?? 'normal', timeoutMs);
  if (!slot) {
    throw new RestError(503, 'unavailable', 'Too many requests are in flight; the request had no effect', {
      reason: 'overloaded',
      retryAfterMs: 1_000,
    });
  }
  // A call that waits by design says nothing about the load.
  exchange.onEnd = (status) => slot.release(!waits && status < 400);
}

async function takeToken(limit: RateLimit, key: string, reply: FastifyReply): Promise<void> {
  const verdict = await limit.take(key);
  addFields(limit, verdict, reply);
  if (verdict.granted) return;
  throw new RestError(429, 'resource_exhausted', 'Too many requests; send the request again after Retry-After', {
    retryAfterMs: Math.ceil(verdict.retryAfterMs),
  });
}

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/: q requests in w seconds; r are left, and more in t seconds. */
function addFields({ policy }: RateLimit, { remaining, retryAfterMs }: Verdict, reply: FastifyReply): void {
  const left = `"${policy.name}";r=${remaining}`;
  const fields = {
    'ratelimit-policy': `"${policy.name}";q=${policy.perMinute};w=60`,
    ratelimit: retryAfterMs > 0 ? `${left};t=${Math.ceil(retryAfterMs / 1_000)}` : left,
  };
  for (const [name, value] of Object.entries(fields)) {
    const before = reply.getHeader(name);
    reply.header(name, before === undefined ? value : `${before}, ${value}`);
  }
}

/** RFC 6750, section 2.1. */
const BEARER = /^Bearer +([\w.~+/=-]+)$/i;

/** @throws {RestError} 401, the same for each token that is not valid */
export async function signIn(request: FastifyRequest, tokens: AdmissionParts['tokens']): Promise<Person> {
  const exchange = exchangeOf(request.raw);
  const token = tokenOf(request);
  if (token === undefined) throw unauthenticated(CHALLENGE);
  try {
    exchange.person = await tokens.verify(token);
    return exchange.person;
  } catch (error) {
    // The keys may be out of reach.
    if (error instanceof RpcError && error.code !== 'unauthenticated') throw error;
    throw unauthenticated(`${CHALLENGE}, error="invalid_token"`);
  }
}

/** Empty for credentials that are no single bearer token. */
function tokenOf(request: FastifyRequest): string | undefined {
  const lines = request.raw.headersDistinct.authorization;
  if (lines === undefined) return accessTokenOf(request);
  return lines.length === 1 ? (BEARER.exec(lines[0] ?? '')?.[1] ?? '') : '';
}

function unauthenticated(challenge: string): RestError {
  return new RestError(401, 'unauthenticated', 'Sign in: send a valid access token as Authorization: Bearer', {
    headers: { 'www-authenticate': challenge },
  });
}

/** https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ */
function keyOf({ idempotencyKey }: Route, request: FastifyRequest): string | undefined {
  if (idempotencyKey === undefined) return undefined;
  const key = keyOfHeader(request);
  if (key !== undefined || idempotencyKey === 'optional') return key;
  throw new RestError(
    400,
    'invalid_request',
    'Send the header Idempotency-Key, such as a new UUID for each order; a repeated request sends the same one',
    { reason: 'idempotency_key_required' },
  );
}

function keyOfHeader({ raw }: FastifyRequest): string | undefined {
  try {
    return idempotencyKeyOfRequest(raw);
  } catch (error) {
    throw toOwnRefusal(error);
  }
}

const STRONG_TAG = /^"(0|[1-9]\d{0,9})"$/;
const VERSION_MAX = 2 ** 32 - 1;

/** RFC 9110, section 13.1.1: only a strong tag matches. `*` and lists would let a client write without having read. */
function versionOf({ ifMatch }: Route, { headers }: FastifyRequest): number {
  if (!ifMatch) return 0;
  const given = headers['if-match'];
  if (given === undefined) {
    throw new RestError(428, 'failed_precondition', 'Send the ETag that you have read as If-Match', {
      reason: 'if_match_required',
    });
  }
  const version = Number(STRONG_TAG.exec(given)?.[1] ?? Number.NaN);
  if (version <= VERSION_MAX) return version;
  throw new RestError(412, 'aborted', 'If-Match has to be one ETag as it was answered, such as "3"', {
    reason: 'version_conflict',
  });
}
