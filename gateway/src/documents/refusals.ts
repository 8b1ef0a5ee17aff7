import type { Code } from 'rpc-kit';
import { statusOf } from '../rest-error.ts';
import type { Route } from '../route.ts';

/** One way in which a route refuses a request. */
export interface Refusal {
  readonly status: number;
  readonly code: Code;
  readonly reason?: string;
  readonly when: string;
}

/** The refusals of every address. */
export const ANYWHERE: readonly Refusal[] = [
  { status: 400, code: 'invalid_request', when: 'The request is malformed.' },
  {
    status: 403,
    code: 'permission_denied',
    when: 'A web page of another origin sent it, or cookies came without their header.',
  },
  { status: 408, code: 'invalid_request', when: 'The request took too long to arrive.' },
  { status: 417, code: 'invalid_request', when: 'The header Expect asks for anything but 100-continue.' },
  { status: 421, code: 'invalid_request', when: 'The Host is not that of this server.' },
  { status: 431, code: 'invalid_request', when: 'The headers are too large.' },
  { status: 500, code: 'internal', when: 'The server failed. Its log has the cause under the request id.' },
];

/** The refusals of an address that is answered by a service. */
export const AWAY: readonly Refusal[] = [
  {
    status: 503,
    code: 'unavailable',
    when: 'A service is not available; see Retry-After. The message says whether the request may have taken effect.',
  },
  { status: 504, code: 'deadline_exceeded', when: 'The answer took too long; the request may have taken effect.' },
];

const OF_ROUTES: readonly Refusal[] = [
  ...ANYWHERE,
  ...AWAY,
  {
    status: 409,
    code: 'aborted',
    when: 'The request lost a race with others, or is still being handled; send it again.',
  },
  { status: 429, code: 'resource_exhausted', when: 'Too many requests of one user or address; see Retry-After.' },
  {
    status: 503,
    code: 'unavailable',
    reason: 'overloaded',
    when: 'Too many requests are in flight; the request had no effect.',
  },
];

/** All refusals of a route, by its row and by the contracts of the methods that it calls. */
export function refusalsOf(row: Route): readonly Refusal[] {
  const refusals: Refusal[] = [...OF_ROUTES];
  const add = (applies: unknown, ...more: readonly Refusal[]): void => void (applies && refusals.push(...more));
  add(true, { status: 400, code: 'invalid_params', when: 'A member of the query or the body is wrong, or unknown.' });
  add(row.idempotencyKey === 'required', {
    status: 400,
    code: 'invalid_request',
    reason: 'idempotency_key_required',
    when: 'The header Idempotency-Key is missing.',
  });
  add(row.who !== 'anyone' || row.path === '/auth/logout', {
    status: 401,
    code: 'unauthenticated',
    when: 'There is no valid access token.',
  });
  add(row.who === 'admin', { status: 403, code: 'permission_denied', when: 'The person is no admin.' });
  add(row.params, { status: 404, code: 'not_found', when: 'The address names nothing.' });
  add(row.ifMatch, {
    status: 428,
    code: 'failed_precondition',
    reason: 'if_match_required',
    when: 'The header If-Match is missing.',
  });
  add(
    row.method !== 'GET',
    { status: 400, code: 'parse_error', when: 'The body is no JSON.' },
    { status: 413, code: 'invalid_request', when: 'The body is too large.' },
    { status: 415, code: 'invalid_request', when: 'The body is no application/json.' },
    { status: 501, code: 'unimplemented', when: 'The Transfer-Encoding is not chunked.' },
  );
  for (const { errors = {} } of [...row.calls, row]) {
    for (const [reason, { code, message }] of Object.entries(errors)) {
      refusals.push({ status: row.statuses?.[reason] ?? statusOf(code, reason), code, reason, when: `${message}.` });
    }
  }
  return refusals.filter((one, index) => refusals.findIndex((other) => isSame(one, other)) === index);
}

function isSame(one: Refusal, other: Refusal): boolean {
  return one.status === other.status && one.code === other.code && one.reason === other.reason;
}
