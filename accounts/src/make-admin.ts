import { randomBytes } from 'node:crypto';
import { createLogger, createRegistry, loadConfig, openDatabase, runTool } from 'service-kit';
import { accountsConfig } from './config.ts';
import { type MadeAdmin, makeAdmin } from './domain/make-admin.ts';
import { isRefusal } from './domain/refusal.ts';
import { createHasher } from './passwords/hasher.ts';
import { createStore } from './repository/store.ts';
import { createUserReader } from './repository/users.ts';

/** `make admin`: reads DATABASE_URL of accounts, and EMAIL. */
const TIMEOUT_MS = 30_000;
/** 144 bits, as 24 characters. */
const PASSWORD_BYTES = 18;

const email = process.env.EMAIL ?? '';
const password = randomBytes(PASSWORD_BYTES).toString('base64url');

function describe({ outcome, account }: MadeAdmin): string {
  switch (outcome) {
    case 'created':
      return `${email} has an account now, and is an admin. Its password, which is shown only once: ${password}`;
    case 'role changed': {
      const day = account.createdAt.toISOString().slice(0, 10);
      return [
        `${account.email}, user ${account.user}, registered on ${day}, is an admin now, and has to log in again.`,
        'Addresses are not verified: if this is not the account of that person, disable it.',
      ].join('\n');
    }
    case 'was admin':
      return `${account.email} is an admin already.`;
    case 'is disabled':
      return `The account of ${account.email} is disabled. Choose another address.`;
  }
}

await runTool('make admin', async () => {
  const { DATABASE_URL: url } = loadConfig(accountsConfig.pick({ DATABASE_URL: true }));
  const logger = createLogger('accounts', 'warn');
  const registry = createRegistry('accounts');
  await using database = openDatabase({ url, poolMax: 1, logger, registry });
  const parts = {
    // No login is counted here, so its key hashes nothing.
    store: createStore(database, { failuresKey: randomBytes(32) }),
    users: createUserReader(database),
    passwords: createHasher(registry),
  };
  const made = await makeAdmin(parts, { email, password }, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(explain);
  console.log(describe(made));
  if (made.outcome === 'is disabled') process.exitCode = 1;
});

function explain(error: unknown): never {
  if (!isRefusal(error, 'email_invalid')) throw error;
  const given = email === '' ? 'EMAIL is not set' : `EMAIL is "${email}", which is no e-mail address`;
  throw new Error(`${given}: make admin EMAIL=anna@shop.example`, { cause: error });
}
