import { defineService, int64, text, timestamp, typeNames, uint16, uint32, uint64 } from 'rpc-kit';
import { z } from 'zod';

/** RFC 5321, section 4.5.3.1.3: a path of 256 octets, less its angle brackets. */
const EMAIL_LENGTH_MAX = 254;
/** Bounds the cost of a hash. NIST SP 800-63B-4, section 3.1.1.2, asks for 64 at least. */
const PASSWORD_LENGTH_MAX = 1_024;
/** Several times the length of the longest token. */
const REFRESH_TOKEN_LENGTH_MAX = 512;
const PAGE_MAX = 100;
const PAGE_DEFAULT = 20;
const CURSOR_LENGTH_MAX = 255;
/** Revocations of one answer; the caller continues with the last seq. */
const REVOCATIONS_MAX = 1_000;
/** Tokens of one lease. */
const LEASE_MAX = 1_000;

/** Access tokens: JWTs of RFC 9068, which accounts signs and the gateway verifies. */
export const ACCESS_TOKEN = {
  alg: 'ES256',
  typ: 'at+jwt',
  clientID: 'order-mesh-rest',
  lifetimeSeconds: 300,
} as const;

const user = int64;
const email = text(EMAIL_LENGTH_MAX);
const password = text(PASSWORD_LENGTH_MAX);
const refreshToken = text(REFRESH_TOKEN_LENGTH_MAX);
const sessionID = z.uuid().toLowerCase();
const role = z.enum(['user', 'admin']).register(typeNames, { name: 'Role' });
export type Role = z.output<typeof role>;

/** The device from which a person acts. Its address counts failed logins; both are shown in the list of sessions. */
const device = z
  .strictObject({ address: text(64).optional(), userAgent: text(255).optional() })
  .register(typeNames, { name: 'Device' });

const account = z
  .object({ user, email: z.string(), role, createdAt: timestamp, disabled: z.boolean() })
  .register(typeNames, { name: 'Account' });

const tokens = z.object({
  user: z.object({ id: user, email: z.string(), role }).register(typeNames, { name: 'SessionUser' }),
  sessionID: z.string(),
  /** A JWT of RFC 9068. */
  accessToken: z.string(),
  /** Lifetime of the access token in seconds. */
  expiresIn: uint32,
  refreshToken: z.string(),
});

const exampleTokens = {
  user: { id: 1, email: 'anna@shop.example', role: 'user' },
  sessionID: '7f0c3c1e-6f0b-4a55-9d2a-3f7d8f6f1a01',
  accessToken: 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl',
  expiresIn: 300,
  refreshToken: 'f8fPHm8LSlWdKj99j28aAQ.1.c2lnbmF0dXJl',
};

const exampleAccount = {
  user: 1,
  email: 'anna@shop.example',
  role: 'user',
  createdAt: '2026-11-20T09:00:00.000Z',
  disabled: false,
};

const user_not_found = {
  code: 'not_found',
  message: 'There is no such user',
  details: z.object({ user }),
} as const;

const last_admin = {
  code: 'failed_precondition',
  message: 'The last admin can neither be disabled nor lose the role',
} as const;

const invalid_credentials = {
  code: 'unauthenticated',
  message: 'The e-mail address or the password is wrong',
} as const;

const too_many_attempts = {
  code: 'resource_exhausted',
  message: 'Too many attempts failed; try again later',
  details: z.object({ retryAfterMs: uint32 }),
} as const;

const password_refused = {
  code: 'invalid_params',
  message: 'The password is too easy to guess',
  details: z.object({
    /** `too_short`: below the configured length; `common`: on the list of common passwords; `context`: made of the service's name or the e-mail address. */
    problem: z.enum(['too_short', 'common', 'context']),
    lengthMin: uint16,
  }),
} as const;

const session_ended = {
  code: 'unauthenticated',
  message: 'The session has ended; log in again',
} as const;

/** Only the gateway speaks for people. */
const access = { callers: ['gateway'] } as const;

export const accounts = defineService(
  'accounts',
  {
    summary: 'Users, passwords, sessions and roles.',
    version: '0.1.0',
    contact: { name: 'The maintainers of order-mesh' },
  },
  {
    register: {
      summary: 'Creates an account and starts its first session.',
      description:
        'E-mail addresses that differ only by case are one address. A password has at least 15 characters (PASSWORD_LENGTH_MIN).',
      params: z.strictObject({ email, password, device: device.optional() }),
      result: tokens,
      errors: {
        email_taken: { code: 'already_exists', message: 'There is an account with this e-mail address' },
        email_invalid: { code: 'invalid_params', message: 'This is not an e-mail address' },
        password_refused,
        too_many_attempts,
      },
      timeoutMs: 5_000,
      waits: true,
      priority: 'low',
      batched: false,
      access,
      example: {
        params: { email: 'anna@shop.example', password: 'a walk along the river' },
        result: exampleTokens,
      },
    },
    login: {
      summary: 'Checks a password and starts a session.',
      description:
        'An unknown address, a wrong password and a disabled account have the same answer. Failures delay the next attempt, up to 15 minutes.',
      params: z.strictObject({ email, password, device: device.optional() }),
      result: tokens,
      errors: { invalid_credentials, too_many_attempts },
      timeoutMs: 5_000,
      waits: true,
      priority: 'low',
      batched: false,
      access,
      example: {
        params: { email: 'anna@shop.example', password: 'a walk along the river' },
        result: exampleTokens,
      },
    },
    refresh: {
      summary: 'Exchanges a refresh token for new tokens.',
      description:
        'Each use makes a successor. The token before gives the same successor for 10 seconds; an older one ends the session.',
      params: z.strictObject({ refreshToken, device: device.optional() }),
      result: tokens,
      errors: { session_ended },
      timeoutMs: 2_000,
      retry: 'safe',
      access,
      example: { params: { refreshToken: exampleTokens.refreshToken }, result: exampleTokens },
    },
    logout: {
      summary: 'Ends the session of a refresh token.',
      description: 'The answer is the same for an unknown token and for a session that has ended.',
      params: z.strictObject({ refreshToken }),
      result: z.object({}),
      timeoutMs: 2_000,
      retry: 'safe',
      access,
      example: { params: { refreshToken: exampleTokens.refreshToken }, result: {} },
    },
    listSessions: {
      summary: 'Lists the live sessions of a user, newest first.',
      params: z.strictObject({ user }),
      result: z.object({
        sessions: z.array(
          z.object({
            sessionID: z.string(),
            createdAt: timestamp,
            /** The last login or refresh. */
            usedAt: timestamp,
            expiresAt: timestamp,
            address: z.string().optional(),
            userAgent: z.string().optional(),
          }),
        ),
      }),
      timeoutMs: 1_000,
      reads: true,
      access,
      example: {
        params: { user: 1 },
        result: {
          sessions: [
            {
              sessionID: exampleTokens.sessionID,
              createdAt: '2026-11-20T09:00:00.000Z',
              usedAt: '2026-11-20T09:05:00.000Z',
              expiresAt: '2026-12-04T09:05:00.000Z',
              address: '192.0.2.7',
              userAgent: 'curl/8.5.0',
            },
          ],
        },
      },
    },
    endSession: {
      summary: 'Ends one session of a user.',
      description: 'Ending a session that has ended changes nothing.',
      params: z.strictObject({ user, sessionID }),
      result: z.object({}),
      errors: {
        session_not_found: { code: 'not_found', message: 'The user has no such session' },
      },
      timeoutMs: 1_000,
      retry: 'safe',
      access,
      example: { params: { user: 1, sessionID: exampleTokens.sessionID }, result: {} },
    },
    endSessions: {
      summary: 'Ends all sessions of a user, or all but one.',
      params: z.strictObject({ user, except: sessionID.optional() }),
      result: z.object({ ended: uint32 }),
      timeoutMs: 2_000,
      retry: 'safe',
      access,
      example: { params: { user: 1, except: exampleTokens.sessionID }, result: { ended: 0 } },
    },
    changePassword: {
      summary: "Changes a user's password and ends the user's other sessions.",
      params: z.strictObject({ user, sessionID, current: password, new: password, device: device.optional() }),
      result: z.object({}),
      errors: { invalid_credentials, too_many_attempts, password_refused, user_not_found },
      timeoutMs: 5_000,
      waits: true,
      priority: 'low',
      batched: false,
      access,
      example: {
        params: {
          user: 1,
          sessionID: exampleTokens.sessionID,
          current: 'a walk along the river',
          new: 'a walk along the sea shore',
        },
        result: {},
      },
    },
    getUser: {
      summary: 'Shows a user.',
      params: z.strictObject({ user }),
      result: account,
      errors: { user_not_found },
      timeoutMs: 500,
      reads: true,
      access,
      example: {
        params: { user: 1 },
        result: exampleAccount,
      },
    },
    listUsers: {
      summary: 'Lists the users by their numbers.',
      description: 'Pass nextCursor as the cursor of the next page; the last page has none.',
      params: z.strictObject({
        limit: uint16.min(1).max(PAGE_MAX).meta({ format: 'uint16' }).default(PAGE_DEFAULT),
        cursor: text(CURSOR_LENGTH_MAX).optional(),
      }),
      result: z.object({ users: z.array(account), nextCursor: z.string().optional() }),
      timeoutMs: 1_000,
      reads: true,
      access,
      example: {
        params: { limit: 1 },
        result: {
          users: [exampleAccount],
        },
      },
    },
    setRole: {
      summary: "Changes a user's role and ends the user's sessions.",
      params: z.strictObject({ actor: user, user, role }),
      result: account,
      errors: { user_not_found, last_admin },
      timeoutMs: 1_000,
      retry: 'safe',
      access,
      example: {
        params: { actor: 2, user: 1, role: 'admin' },
        result: { ...exampleAccount, role: 'admin' },
      },
    },
    disableUser: {
      summary: "Disables an account and ends the user's sessions.",
      params: z.strictObject({ actor: user, user }),
      result: account,
      errors: { user_not_found, last_admin },
      timeoutMs: 1_000,
      retry: 'safe',
      access,
      example: {
        params: { actor: 2, user: 1 },
        result: { ...exampleAccount, disabled: true },
      },
    },
    jwks: {
      summary: 'Publishes the keys that verify access tokens (RFC 7517).',
      description: 'The next key is published before it signs, and a retired key until its last token has expired.',
      params: z.strictObject({}),
      result: z.object({
        keys: z.array(
          z.object({
            kty: z.literal('EC'),
            crv: z.literal('P-256'),
            x: z.string(),
            y: z.string(),
            kid: z.string(),
            alg: z.literal('ES256'),
            use: z.literal('sig'),
          }),
        ),
      }),
      timeoutMs: 1_000,
      reads: true,
      polled: true,
      access,
      example: {
        params: {},
        result: {
          keys: [
            {
              kty: 'EC',
              crv: 'P-256',
              x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
              y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
              kid: '2026-11-20',
              alg: 'ES256',
              use: 'sig',
            },
          ],
        },
      },
    },
    revokedSince: {
      summary: 'Lists the sessions that ended after a seq, while one of their access tokens may still be valid.',
      description:
        'A caller starts at seq 0, continues with the seq of the answer, and forgets a session at its until. complete is false when more are waiting.',
      params: z.strictObject({ seq: uint64 }),
      result: z.object({
        revocations: z.array(z.object({ sessionID: z.string(), until: timestamp })).max(REVOCATIONS_MAX),
        seq: uint64,
        complete: z.boolean(),
      }),
      timeoutMs: 1_000,
      reads: true,
      priority: 'high',
      polled: true,
      access,
      example: {
        params: { seq: 0 },
        result: {
          revocations: [{ sessionID: exampleTokens.sessionID, until: '2026-11-20T09:10:05.000Z' }],
          seq: 1,
          complete: true,
        },
      },
    },
    leaseTokens: {
      summary: 'Takes tokens out of a token bucket that all replicas of a caller share.',
      description:
        'A bucket holds capacity tokens and gains perSecond of them each second. granted is 0 to wanted; retryAfterMs says when the next token is there.',
      params: z.strictObject({
        bucket: text(128),
        wanted: uint16.min(1).max(LEASE_MAX).meta({ format: 'uint16' }),
        capacity: uint32.min(1).meta({ format: 'uint32' }),
        perSecond: z.number().positive().max(1_000_000),
      }),
      result: z.object({ granted: uint16, retryAfterMs: uint32 }),
      timeoutMs: 500,
      access,
      example: {
        params: { bucket: 'user:1', wanted: 10, capacity: 100, perSecond: 20 },
        result: { granted: 10, retryAfterMs: 0 },
      },
    },
  },
);
