/** A process of its own: a consumer that is killed in its third transaction, just before or just after the commit. */
import type { ConsumerStore } from '../../src/domain/consumer-ports.ts';
import { startConsumer } from './consumer-ground.ts';

export type DeathPoint = 'before the commit' | 'after the commit';

const { PLACE = '', DIE = '' } = process.env;
const LAST_TRANSACTION = 3;
let transactions = 0;

async function die(): Promise<void> {
  process.kill(process.pid, 'SIGKILL');
  // Nothing more may happen until the signal is there.
  await new Promise(() => {});
}

function mortal(store: ConsumerStore): ConsumerStore {
  return {
    ...store,
    async transaction(work, context) {
      transactions += 1;
      const isLast = transactions >= LAST_TRANSACTION;
      const result = await store.transaction(async (repositories) => {
        const done = await work(repositories);
        if (isLast && DIE === 'before the commit') await die();
        return done;
      }, context);
      if (isLast) await die();
      return result;
    },
  };
}

startConsumer(JSON.parse(PLACE), { store: mortal });
