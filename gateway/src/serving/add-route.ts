import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { startDeadline, storableText } from 'rpc-kit';
import { z } from 'zod';
import type { Cursors } from '../cursors.ts';
import { RestError } from '../rest-error.ts';
import type { Answer, RestRequest, Route, Who } from '../route.ts';
import { PREFIX } from '../routes/index.ts';
import type { Services } from '../services.ts';
import { isCookieMode, refreshTokenOf, setSessionCookies } from '../session-cookies.ts';
import { type AdmissionParts, type Admitted, admit, signIn } from './admission.ts';
import { clientAddressOf } from './client-address.ts';
import { exchangeOf } from './exchange.ts';
import { openPage, signPage } from './paging.ts';

export interface RouteParts extends AdmissionParts {
  readonly services: Services;
  readonly cursors: Cursors;
}

/** Unknown members of a query are refused, so a route without a query refuses all. */
const NO_QUERY = z.strictObject({});

/** Turns a row of a table into a route of Fastify: what all routes do is here. */
export function addRoute(app: FastifyInstance, row: Route, parts: RouteParts): void {
  const { params, query = NO_QUERY, body, answer, statuses } = row;
  const timeoutMs = row.calls.reduce((sum, call) => sum + call.timeoutMs, 0);
  const admissions = new WeakMap<FastifyRequest, Admitted>();

  app.route({
    method: row.method,
    url: `${PREFIX}${row.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    schema: {
      querystring: query,
      ...(params && { params }),
      ...(body && { body }),
      ...(answer && { response: { [row.status]: answer } }),
    },
    config: { statuses },
    async onRequest(request, reply) {
      exchangeOf(request.raw).route = `${PREFIX}${row.path}`;
      admissions.set(request, await admit(row, request, reply, parts));
    },
    async handler(request, reply) {
      if (!body && request.body !== undefined)
        throw new RestError(400, 'invalid_request', 'This address takes no body');
      const admitted = admissions.get(request) as Admitted;
      const { requestId, signal } = exchangeOf(request.raw);
      using deadline = startDeadline(timeoutMs, signal);
      const call = { signal: deadline.signal, deadlineAt: deadline.at, requestId };
      const page = row.pages && openPage(row, request, admitted.person, parts.cursors);
      const served = { ...toRestRequest(request, admitted, parts), ...(page && { query: page.query }), call };
      const found = await row.handle(served as RestRequest<Who, never, never, never>);
      return send(row, request, reply, page ? signPage(page, found, request, reply, parts.cursors) : found);
    },
  });
}

function toRestRequest(request: FastifyRequest, admitted: Admitted, { services, tokens }: RouteParts) {
  return {
    ...admitted,
    services,
    params: request.params,
    query: request.query,
    body: request.body,
    signIn: () => signIn(request, tokens),
    device: deviceOf(request),
    cookies: { isAsked: isCookieMode(request), refreshToken: refreshTokenOf(request) },
  };
}

/** The length that accounts stores. */
const USER_AGENT_LENGTH_MAX = 255;

function deviceOf(request: FastifyRequest) {
  const userAgent = request.headers['user-agent'];
  return {
    address: clientAddressOf(request),
    ...(userAgent && { userAgent: storableText(userAgent, USER_AGENT_LENGTH_MAX) }),
  };
}

function send(
  { method, who, status }: Route,
  { headers }: FastifyRequest,
  reply: FastifyReply,
  found: Answer<unknown>,
): FastifyReply {
  const { body, location, etag, cookies } = found;
  setSessionCookies(reply, cookies);
  // Tokens and personal data are never stored. The catalogue may be, if it is revalidated each time.
  reply.header('cache-control', method === 'GET' && who === 'anyone' ? 'no-cache' : 'no-store');
  if (location !== undefined) reply.header('location', `${PREFIX}${location}`);
  if (etag !== undefined) {
    const tag = `"${etag}"`;
    reply.header('etag', tag);
    if (method === 'GET' && isKnown(tag, headers['if-none-match'])) return reply.code(304).send();
  }
  return reply.code(status).send(body);
}

/** Whether If-None-Match names the tag, by weak comparison (RFC 9110, section 13.1.2). */
function isKnown(tag: string, given = ''): boolean {
  return given === '*' || given.split(',').some((one) => one.trim().replace(/^W\//, '') === tag);
}
