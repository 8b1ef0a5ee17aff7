import { openService, run } from 'service-kit';
import { accounts } from '../contract.ts';
import { createApp } from './app.ts';
import { accountsConfig } from './config.ts';
import { deriveKey } from './derive-key.ts';
import { createPasswords } from './passwords/passwords.ts';
import { createStore } from './repository/store.ts';
import { createUserReader } from './repository/users.ts';

await run('accounts', async (stopped) => {
  await using service = await openService(accounts, accountsConfig);
  const { config, logger, registry, database, limit } = service;

  await using app = createApp({
    store: createStore(database, { failuresKey: deriveKey(config.ACCOUNTS_SECRET, 'login failures') }),
    users: createUserReader(database),
    passwords: createPasswords(config.PASSWORD_LENGTH_MIN),
    limit,
    logger,
    registry,
  });

  await using _server = await service.serve(app.service, stopped);
  await stopped;
});
