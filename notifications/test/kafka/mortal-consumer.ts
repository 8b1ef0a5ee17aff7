/** A process of its own: a consumer that is killed with its third batch. */
import type { ConsumerStore } from '../../src/kafka/ports.ts';
import { startConsumer } from './consumer-ground.ts';
import type { DeathPoint } from './death-points.ts';

const { PLACE = '', DIE = '' } = process.env;
const LAST_BATCH = 3;
let batches = 0;

async function dieWithTheLast(point: DeathPoint): Promise<void> {
  if (batches < LAST_BATCH || DIE !== point) return;
  process.kill(process.pid, 'SIGKILL');
  // Nothing may happen before the signal arrives.
  await new Promise(() => {});
}

function mortal(store: ConsumerStore): ConsumerStore {
  return {
    ...store,
    async storeBatch(...parts) {
      if (DIE.includes('one by one')) return false;
      batches += 1;
      const taking = store.storeBatch(...parts);
      // Between the request and the answer; the server completes the statement.
      await new Promise(setImmediate);
      await dieWithTheLast('while a whole batch is stored');
      const isTaken = await taking;
      await dieWithTheLast('after a whole batch was stored');
      return isTaken;
    },
    async transaction(work, context) {
      batches += 1;
      const result = await store.transaction(async (repositories) => {
        const done = await work(repositories);
        await dieWithTheLast('before the commit of one by one');
        return done;
      }, context);
      await dieWithTheLast('after the commit of one by one');
      return result;
    },
  };
}

startConsumer(JSON.parse(PLACE), { store: mortal });
