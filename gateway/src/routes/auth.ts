import { accounts, type Role } from 'accounts/contract.ts';
import { z } from 'zod';
import { RestError } from '../rest-error.ts';
import { id } from '../rest-types.ts';
import { type Answer, type RestRequest, route, type Who } from '../route.ts';

const { register, login, refresh, logout, endSessions } = accounts.methods;

const credentials = register.params.pick({ email: true, password: true });
const { refreshToken } = refresh.params.shape;
const EXAMPLE_CREDENTIALS = { email: 'anna@shop.example', password: 'a walk along the river' };

const tokens = z.object({
  user: z.object({ id, email: z.string(), role: z.enum(['user', 'admin']) }),
  tokenType: z.literal('Bearer'),
  /** Absent in cookie mode. */
  accessToken: z.string().optional(),
  /** Lifetime of the access token in seconds. */
  expiresIn: z.int(),
  /** Absent in cookie mode. Each use makes a successor. */
  refreshToken: z.string().optional(),
});

const EXAMPLE_TOKENS = {
  user: { id: '1', email: EXAMPLE_CREDENTIALS.email, role: 'user' },
  tokenType: 'Bearer',
  accessToken: register.example.result.accessToken,
  expiresIn: 300,
  refreshToken: register.example.result.refreshToken,
};

const COOKIE_MODE =
  'With the header `x-session-mode: cookie`, the tokens are set as cookies that pages cannot read, and the body has none.';

export const authRoutes = [
  route({
    method: 'POST',
    path: '/auth/register',
    who: 'anyone',
    limit: 'auth',
    priority: 'low',
    summary: 'Creates an account and signs in.',
    description: `A password has at least 15 characters and is not a common one. ${COOKIE_MODE}`,
    calls: [register],
    body: credentials,
    status: 201,
    answer: tokens,
    example: { body: EXAMPLE_CREDENTIALS, answer: EXAMPLE_TOKENS },
    async handle(request) {
      const issued = await request.services.accounts.register(
        { ...request.body, device: request.device },
        request.call,
      );
      return { ...toAnswer(request, issued), location: '/me' };
    },
  }),
  route({
    method: 'POST',
    path: '/auth/login',
    who: 'anyone',
    limit: 'auth',
    priority: 'low',
    summary: 'Signs in with a password.',
    description: `An unknown address and a wrong password have the same answer. Failures delay the next attempt. ${COOKIE_MODE}`,
    calls: [login],
    body: credentials,
    status: 200,
    answer: tokens,
    example: { body: EXAMPLE_CREDENTIALS, answer: EXAMPLE_TOKENS },
    async handle(request) {
      const issued = await request.services.accounts.login({ ...request.body, device: request.device }, request.call);
      return toAnswer(request, issued);
    },
  }),
  route({
    method: 'POST',
    path: '/auth/refresh',
    who: 'anyone',
    limit: 'auth',
    priority: 'high',
    summary: 'Exchanges a refresh token for new tokens.',
    description: `The token before gives the same successor for 10 seconds; an older one ends the session. ${COOKIE_MODE}`,
    calls: [refresh],
    body: z.strictObject({ refreshToken: refreshToken.optional() }).nullish(),
    status: 200,
    answer: tokens,
    example: { body: { refreshToken: EXAMPLE_TOKENS.refreshToken }, answer: EXAMPLE_TOKENS },
    async handle(request) {
      const token = refreshTokenOf(request, request.body?.refreshToken);
      const issued = await request.services.accounts.refresh(
        { refreshToken: token, device: request.device },
        request.call,
      );
      return toAnswer(request, issued);
    },
  }),
  route({
    method: 'POST',
    path: '/auth/logout',
    who: 'anyone',
    limit: 'auth',
    priority: 'high',
    summary: 'Ends the session of a refresh token, the other sessions of the user, or all of them.',
    description:
      'The scopes others and all need an access token instead of the refresh token. The answer is the same for an unknown refresh token.',
    calls: [logout, endSessions],
    body: z
      .strictObject({
        scope: z.enum(['this', 'others', 'all']).default('this'),
        refreshToken: refreshToken.optional(),
      })
      .nullish(),
    status: 204,
    example: { body: { scope: 'this', refreshToken: EXAMPLE_TOKENS.refreshToken } },
    async handle(request) {
      const { scope, refreshToken: given } = request.body ?? { scope: 'this' };
      if (scope === 'this') {
        await request.services.accounts.logout({ refreshToken: refreshTokenOf(request, given) }, request.call);
        return { cookies: null };
      }
      const { user, sessionID } = await request.signIn();
      const except = scope === 'others' ? { except: sessionID } : {};
      await request.services.accounts.endSessions({ user, ...except }, request.call);
      return scope === 'all' ? { cookies: null } : {};
    },
  }),
];

type AnyRequest = Pick<RestRequest<Who, unknown, unknown, unknown>, 'cookies'>;

/** @throws {RestError} 400 without a token in the body and, in cookie mode, in the cookie */
function refreshTokenOf({ cookies }: AnyRequest, given: string | undefined): string {
  const token = given ?? (cookies.isAsked ? cookies.refreshToken : undefined);
  if (token !== undefined) return token;
  throw new RestError(400, 'invalid_params', 'Invalid params: refreshToken: send the refresh token', {
    details: { issues: [{ path: 'refreshToken', message: 'expected the refresh token' }] },
  });
}

interface Issued {
  readonly user: { readonly id: bigint; readonly email: string; readonly role: Role };
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly refreshToken: string;
}

function toAnswer({ cookies }: AnyRequest, issued: Issued): Answer<z.output<typeof tokens>> {
  const { user, accessToken, expiresIn, refreshToken } = issued;
  const body = { user, tokenType: 'Bearer' as const, expiresIn };
  return cookies.isAsked
    ? { body, cookies: { accessToken, expiresIn, refreshToken } }
    : { body: { ...body, accessToken, refreshToken } };
}
