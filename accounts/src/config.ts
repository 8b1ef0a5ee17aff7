import { commonVariables, KEPT_DAYS, serviceVariables, variable } from 'service-kit';
import { z } from 'zod';

/** NIST SP 800-63B-4, section 3.1.1.2: 15 where a password is the only factor. 64 is the longest that every user may be asked for. */
const PASSWORD_LENGTH = { min: 8, max: 64 };
/** As many bytes as HMAC-SHA256 uses. */
const SECRET_LENGTH_MIN = 32;
/** Many people may share an address; a million means no limit in practice. */
const ADDRESS_ATTEMPTS = { min: 1, max: 1_000_000 };

export const accountsConfig = z.object({
  PORT: variable.port(8084).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
  ...serviceVariables,
  ACCOUNTS_SECRET: variable
    .secret()
    .refine((secret) => secret.length >= SECRET_LENGTH_MIN, `it has fewer than ${SECRET_LENGTH_MIN} characters`)
    .describe(
      `Secret of at least ${SECRET_LENGTH_MIN} characters, from which every key of the service is derived. All replicas have the same. A new secret ends all sessions.`,
    ),
  TOKEN_ISSUER: variable
    .publicUrl()
    .default('http://localhost:8000')
    .describe('Issuer of access tokens: the URL of the gateway as clients know it.'),
  TOKEN_AUDIENCE: variable
    .publicUrl()
    .default('http://localhost:8000/v1')
    .describe('Audience of access tokens: the URL of the REST API.'),
  PASSWORD_LENGTH_MIN: variable
    .whole(15, PASSWORD_LENGTH)
    .describe('Least number of characters of a new password. Existing passwords stay valid.'),
  SESSIONS_KEPT_DAYS: variable
    .whole(30, KEPT_DAYS)
    .describe('Days that the table sessions keeps a session after its end.'),
  ADDRESS_ATTEMPTS_FREE: variable
    .whole(100, ADDRESS_ATTEMPTS)
    .describe(
      'Failed logins of one network address (IPv6: one /64) that are not delayed in a day, and as many registrations. Each further one doubles a delay of a second, up to 15 minutes; a day after the first one, the count begins anew.',
    ),
  AUDIT_KEPT_DAYS: variable.whole(365, KEPT_DAYS).describe('Days that the table audit_events keeps an event.'),
});
