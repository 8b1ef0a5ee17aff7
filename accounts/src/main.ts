import { createTokenStore, openService, run } from 'service-kit';
import { accounts } from '../contract.ts';
import { createApp } from './app.ts';
import { startSessionCleaning, startUserCleaning } from './cleaning.ts';
import { accountsConfig } from './config.ts';
import { createTokens } from './create-tokens.ts';
import { deriveKey } from './derive-key.ts';
import { createPasswords } from './passwords/passwords.ts';
import { createRevocationReader } from './repository/revocations.ts';
import { createSessionCounter, createSessionReader } from './repository/sessions.ts';
import { createStore } from './repository/store.ts';
import { createUserReader } from './repository/users.ts';
import { observeSessions } from './session-metrics.ts';

await run('accounts', async (stopped) => {
  await using service = await openService(accounts, accountsConfig);
  const { config, logger, registry, identity, database, limit, configured } = service;

  await using _userCleaning = startUserCleaning(service, config.AUDIT_KEPT_DAYS);
  await using _sessionCleaning = startSessionCleaning(service, config.SESSIONS_KEPT_DAYS);
  observeSessions(registry, logger, createSessionCounter(database));

  const tokens = createTokens(database, config, logger);
  await using app = createApp({
    store: createStore(database, { failuresKey: deriveKey(config.ACCOUNTS_SECRET, 'login failures') }),
    users: createUserReader(database),
    sessions: createSessionReader(database),
    revocations: createRevocationReader(database),
    tokenBuckets: createTokenStore(database),
    tokens,
    passwords: createPasswords(config.PASSWORD_LENGTH_MIN, registry),
    limits: { addressFree: config.ADDRESS_ATTEMPTS_FREE },
    limit,
    configured,
    identity,
    logger,
    registry,
  });

  // Without them no call could sign; without the database, the service starts all the same and tries again.
  await Promise.race([stopped, tokens.keys.reload().catch(() => {})]);
  await using _server = await service.serve(app.service, stopped);
  await stopped;
});
