import type { Database } from 'service-kit';
import { startReplica } from './accounts-fixture.ts';

/** Makes one call in a process that SIGKILL ends before or after the commit of the transaction that ran the statement. */
const { DATABASE_URL = '', METHOD = '', PARAMS = '', STATEMENT = '', MOMENT = '' } = process.env;

async function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  // Until the signal arrives.
  return new Promise(() => {});
}

function dying(database: Database): Database {
  return {
    ...database,
    async transaction(work, scope) {
      let isReached = false;
      const result = await database.transaction(async (executor) => {
        const done = await work({
          async run(name, statement) {
            isReached ||= name === STATEMENT;
            return executor.run(name, statement);
          },
        });
        if (isReached && MOMENT === 'before') await die();
        return done;
      }, scope);
      if (isReached) await die();
      return result;
    },
  };
}

await using replica = await startReplica(DATABASE_URL, [], { decorate: dying });
const methods = replica.client as unknown as Record<string, (params: unknown) => Promise<unknown>>;
await methods[METHOD]?.(JSON.parse(PARAMS));
console.error('The call was answered: no transaction ran the statement.');
