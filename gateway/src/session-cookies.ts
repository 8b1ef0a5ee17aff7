import '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RestError } from './rest-error.ts';
import type { Answer } from './route.ts';

/**
 * Cookie mode, for web pages: a script that is injected into the page cannot read the tokens. A client asks for it by this header,
 * on every request. A form of another site cannot send the header, so a cookie alone does nothing.
 */
export const SESSION_MODE = { header: 'x-session-mode', cookie: 'cookie' } as const;

/** `__Host-`: browsers accept them over TLS only, from this host only, and with the path `/`. */
const ACCESS = '__Host-access';
const REFRESH = '__Host-refresh';
const ATTRIBUTES = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const;
/** The absolute lifetime of a session; the refresh token inside ends earlier when it is not used. */
const REFRESH_AGE_S = 30 * 86_400;

export function isCookieMode({ headers }: FastifyRequest): boolean {
  return headers[SESSION_MODE.header] === SESSION_MODE.cookie;
}

/** The refresh token of a request in cookie mode. */
export function refreshTokenOf(request: FastifyRequest): string | undefined {
  const token = isCookieMode(request) ? cookieOf(request, REFRESH) : undefined;
  if (token !== undefined) refuseForeignSender(request);
  return token;
}

/** A browser keeps one cookie of a `__Host-` name, so a second one is forged. */
function cookieOf({ headers, cookies }: FastifyRequest, name: string): string | undefined {
  const [, ...given] = headers.cookie?.split(`${name}=`) ?? [];
  if (given.length > 1) throw new RestError(400, 'invalid_request', `Send one cookie ${name}`);
  return cookies[name];
}

/**
 * The access token of the cookie, if there is one.
 * @throws {RestError} 403 for a request that another site may have caused
 */
export function accessTokenOf(request: FastifyRequest): string | undefined {
  const token = cookieOf(request, ACCESS);
  if (token === undefined) return undefined;
  if (!isCookieMode(request)) {
    throw new RestError(
      403,
      'permission_denied',
      `Send the header ${SESSION_MODE.header}: ${SESSION_MODE.cookie} with the cookies of a session`,
    );
  }
  refuseForeignSender(request);
  return token;
}

/** Pages of other origins are refused before. Browsers send Origin with every write, so a write without it came from elsewhere. */
function refuseForeignSender({ method, headers }: FastifyRequest): void {
  if (method === 'GET' || method === 'HEAD' || headers.origin !== undefined) return;
  throw new RestError(403, 'permission_denied', 'A request with the cookies of a session has to name its Origin');
}

export function setSessionCookies(reply: FastifyReply, cookies: Answer<unknown>['cookies']): void {
  if (cookies === undefined) return;
  if (cookies === null) {
    for (const name of [ACCESS, REFRESH]) reply.clearCookie(name, ATTRIBUTES);
    return;
  }
  reply.setCookie(ACCESS, cookies.accessToken, { ...ATTRIBUTES, maxAge: cookies.expiresIn });
  reply.setCookie(REFRESH, cookies.refreshToken, { ...ATTRIBUTES, maxAge: REFRESH_AGE_S });
}
