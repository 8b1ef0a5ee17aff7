/** Runs loms or checkout unchanged in a process that SIGKILL ends at the point CRASH_AT. */
import { flushCompileCache } from 'node:module';
import { type CheckoutOptions, startCheckout } from 'checkout/testing';
import { type LomsOptions, startLoms } from 'loms/testing';
import { run } from 'service-kit';
import { CHECKOUT_TRANSACTIONS, LOMS_TRANSACTIONS } from './crash-points.ts';
import { dyingDatabase, type Reach } from './dying-database.ts';

const { CRASH_AT = '', SERVICE = '', OPTIONS = '' } = process.env;

const reach: Reach = async (point) => {
  if (point !== CRASH_AT) return;
  process.kill(process.pid, 'SIGKILL');
  // Waits until the signal arrives.
  await new Promise(() => {});
};

const START = {
  loms: (options: LomsOptions) =>
    startLoms(options, {
      database: (database) => dyingDatabase(database, LOMS_TRANSACTIONS, reach),
      publisher: (publisher) => ({
        async publish(...args) {
          const failed = await publisher.publish(...args);
          await reach('after events were delivered');
          return failed;
        },
      }),
    }),
  checkout: (options: CheckoutOptions) =>
    startCheckout(options, {
      database: (database) => dyingDatabase(database, CHECKOUT_TRANSACTIONS, reach),
      orderDesk: (orderDesk) => ({
        async order(...args) {
          await reach('before the call to loms');
          const outcome = await orderDesk.order(...args);
          await reach('after the answer of loms');
          return outcome;
        },
      }),
    }),
};

await run(SERVICE, async (stopped) => {
  await using _service = await START[SERVICE as keyof typeof START](JSON.parse(OPTIONS));
  // Node saves the cache at exit, which SIGKILL prevents; with it the next process starts in half the time.
  flushCompileCache();
  process.send?.('listening');
  await stopped;
});
