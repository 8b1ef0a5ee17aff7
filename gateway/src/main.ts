import { adaptiveLimit } from 'rpc-kit';
import { openPeer, openProcess, run } from 'service-kit';
import { openAccounts, passwordLimit } from './accounts-peer.ts';
import { createApp } from './app.ts';
import { openAccessTokens } from './auth/access-tokens.ts';
import { gatewayConfig } from './config.ts';
import { createCursors } from './cursors.ts';
import { createRateLimit, type RatePolicy } from './limits/rate-limits.ts';
import { SERVICES } from './services.ts';

/** Below the 500 with which a service begins, so that the gateway refuses first; it grows while answers stay quick. */
const CONCURRENCY = { limitInitial: 200, limitMax: 1_000 };

await run('gateway', async (stopped) => {
  await using opened = await openProcess({ name: 'gateway', version: '0.1.0' }, gatewayConfig);
  const { config, logger, registry, identity, userAgent, logListening } = opened;

  const peer = { userAgent, identity, registry, logger, hedge: config.HEDGE_READS };
  const passwordCalls = passwordLimit();
  await using accounts = openAccounts({ urls: config.ACCOUNTS_URL, ...peer }, passwordCalls);
  await using checkout = openPeer(SERVICES.checkout, { urls: config.CHECKOUT_URL, ...peer });
  await using loms = openPeer(SERVICES.loms, { urls: config.LOMS_URL, ...peer });
  await using products = openPeer(SERVICES.products, { urls: config.PRODUCTS_URL, ...peer });
  await using notifications = openPeer(SERVICES.notifications, { urls: config.NOTIFICATIONS_URL, ...peer });

  await using tokens = openAccessTokens({
    accounts: accounts.news,
    issuer: config.TOKEN_ISSUER,
    audience: config.TOKEN_AUDIENCE,
    logger,
    registry,
  });

  const limit = (name: string, perMinute: number) =>
    createRateLimit({ name, perMinute } satisfies RatePolicy, accounts.client, { logger, registry });

  await using app = await createApp({
    services: {
      accounts: accounts.client,
      checkout: checkout.client,
      loms: loms.client,
      products: products.client,
      notifications: notifications.client,
    },
    tokens,
    limits: {
      address: limit('address', config.RATE_LIMIT_ADDRESS),
      auth: limit('auth', config.RATE_LIMIT_AUTH),
      user: limit('user', config.RATE_LIMIT_USER),
    },
    concurrency: adaptiveLimit(CONCURRENCY),
    passwordCalls,
    cursors: createCursors(config.GATEWAY_SECRET),
    host: config.HOST,
    allowedHosts: config.ALLOWED_HOSTS,
    allowedOrigins: config.ALLOWED_ORIGINS,
    trustedProxies: config.TRUSTED_PROXIES,
    publicUrl: config.TOKEN_ISSUER,
    logger,
    registry,
  });
  const { url } = await app.listen(config.PORT);
  logListening(url, stopped);
  await stopped;
});
