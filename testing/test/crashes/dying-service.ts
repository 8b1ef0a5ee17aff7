/** A process of its own: loms or checkout as they are, ended by SIGKILL at the point that CRASH_AT names. */
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
  // Nothing more may happen until the signal is there.
  await new Promise(() => {});
};

const START = {
  loms: (options: LomsOptions) =>
    startLoms(options, {
      database: (database) => dyingDatabase(database, LOMS_TRANSACTIONS, reach),
      publisher: (publisher) => ({
        async publish(...args) {
          await publisher.publish(...args);
          await reach('after an event was delivered');
        },
      }),
    }),
  checkout: (options: CheckoutOptions) =>
    startCheckout(options, {
      database: (database) => dyingDatabase(database, CHECKOUT_TRANSACTIONS, reach),
      orderDesk: (orderDesk) => ({
        async order(...args) {
          await reach('before loms is asked');
          const outcome = await orderDesk.order(...args);
          await reach('after loms answered');
          return outcome;
        },
      }),
    }),
};

await run(SERVICE, async (stopped) => {
  await using _service = await START[SERVICE as keyof typeof START](JSON.parse(OPTIONS));
  // Node saves it at the end of a process, which this one does not live to see; the next one starts in half the time.
  flushCompileCache();
  process.send?.('listening');
  await stopped;
});
