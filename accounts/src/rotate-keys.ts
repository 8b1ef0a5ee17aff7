import { createLogger, createRegistry, databaseVariables, loadConfig, openDatabase, runTool } from 'service-kit';
import { z } from 'zod';
import { endActiveKey, removeSigningKeys } from './repository/signing-keys.ts';

/** `make rotate-keys`. Reads DATABASE_URL and LEAKED; the running services do the work. */
await runTool('make rotate-keys', async () => {
  const { DATABASE_URL: url } = loadConfig(z.object(databaseVariables));
  const { LEAKED: leaked = '' } = process.env;
  if (!['', 'yes'].includes(leaked)) {
    throw new Error(`LEAKED is "${leaked}", but has to be yes, or not set.`, { cause: leaked });
  }
  const [logger, registry] = [createLogger('accounts', 'warn'), createRegistry('accounts')];
  await using database = openDatabase({ url, poolMax: 1, logger, registry });
  if (leaked === 'yes') {
    await removeSigningKeys(database);
    console.log(
      'All signing keys are removed. Within 10 seconds, every access token of before is refused; clients refresh.',
    );
  } else {
    await endActiveKey(database);
    console.log(
      'Within 10 seconds, the next key signs, or within 25 if it was made just now. Tokens of the key before stay valid until they expire.',
    );
  }
});
