import { commonVariables, peerVariables, variable } from 'service-kit';
import { z } from 'zod';

/** As many bytes as HMAC-SHA256 uses. */
const SECRET_LENGTH_MIN = 32;
const REQUESTS = { min: 1, max: 1_000_000 };

const peer = (service: string, port: number) =>
  variable
    .peerUrls()
    .describe(
      `URLs of ${service}, separated by commas; calls are balanced over them. \`dns+http://${service}:${port}\` means all addresses of the name.`,
    );

export const gatewayConfig = z.object({
  PORT: variable.port(8000).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
  ...peerVariables,
  ACCOUNTS_URL: peer('accounts', 8084),
  CHECKOUT_URL: peer('checkout', 8080),
  LOMS_URL: peer('loms', 8081),
  PRODUCTS_URL: peer('products', 8083),
  NOTIFICATIONS_URL: peer('notifications', 8082),
  GATEWAY_SECRET: variable
    .secret()
    .refine((secret) => secret.length >= SECRET_LENGTH_MIN, `it has fewer than ${SECRET_LENGTH_MIN} characters`)
    .describe(
      `Secret of at least ${SECRET_LENGTH_MIN} characters that signs the cursors of lists. All replicas have the same. After a change, clients begin their lists anew.`,
    ),
  TOKEN_ISSUER: variable
    .publicUrl()
    .default('http://localhost:8000')
    .describe(
      'Issuer of access tokens, as in accounts: the URL of the gateway as clients know it. Its host and its origin are the own ones.',
    ),
  TOKEN_AUDIENCE: variable
    .publicUrl()
    .default('http://localhost:8000/v1')
    .describe('Audience of access tokens, as in accounts: the URL of the REST API.'),
  TRUSTED_PROXIES: variable
    .networks()
    .optional()
    .describe(
      'Addresses and networks of the proxies in front, separated by commas: `10.0.0.0/8, ::1`. Only they may name the client by X-Forwarded-For. Unset: the client is the peer of the connection.',
    ),
  RATE_LIMIT_USER: variable
    .whole(600, REQUESTS)
    .describe('Requests a minute of one user, over all replicas. More are refused (429).'),
  RATE_LIMIT_ADDRESS: variable
    .whole(1_200, REQUESTS)
    .describe('Requests a minute of one IPv4 address or IPv6 network of /64, over all replicas.'),
  RATE_LIMIT_AUTH: variable
    .whole(60, REQUESTS)
    .describe(
      'Requests a minute of one address to the routes that check passwords and refresh tokens, over all replicas.',
    ),
});
