import { createGrouping, DatabaseUnavailable, isLostRace } from 'service-kit';
import { createOrders, type OrderCall } from '../domain/create-orders.ts';
import type { SettleCall, Settled, Store } from '../domain/ports.ts';
import { settleOrders } from '../domain/settle-orders.ts';

/** Calls that arrive while a transaction of their kind runs share the next one. */
export interface OrderGroups {
  create(call: OrderCall): Promise<bigint>;
  settle(to: Settled, call: SettleCall): Promise<void>;
}

const LIMITS = {
  /** Two lanes took 15 % more CPU time an order, of loms and Postgres together. */
  lanes: 1,
  /** Some five times as long as a large group takes. A group that waits for a lock of another replica stops no order of other goods. */
  slowMs: 100,
  /** With one lane each, the three kinds of groups leave a connection of the default pool to others. */
  slowMax: 2,
  /** A transaction of 64 orders lasts some 20 ms, which is how long the next calls wait. */
  groupMax: 64,
  /** More than the calls that the service serves at a time. */
  waitingMax: 2_000,
  /** Neither a database that cannot be reached nor a lost race says anything about one order. */
  isFaultOfItem: (error: unknown) => !(error instanceof DatabaseUnavailable) && !isLostRace(error),
} as const;

export function createOrderGroups(store: Store): OrderGroups {
  const creating = createGrouping<OrderCall, bigint | Error>({
    ...LIMITS,
    tagsOf: ({ items }) => items.map(({ sku }) => sku),
    keyOf: ({ claim }) => claim && `${claim.key.user} ${claim.key.caller} ${claim.key.text}`,
    run: (calls, signal) => createOrders(store, calls, { signal }),
  });
  const settling = (to: Settled) =>
    createGrouping<SettleCall, Error | undefined>({
      ...LIMITS,
      keyOf: ({ orderID }) => orderID,
      run: (calls, signal) => settleOrders(store, to, calls, { signal }),
    });
  const ending = { payed: settling('payed'), cancelled: settling('cancelled') };

  return {
    async create(call) {
      const answer = await creating.run(call, call.context.signal);
      if (typeof answer !== 'bigint') throw answer;
      return answer;
    },
    async settle(to, call) {
      const refusal = await ending[to].run(call, call.context.signal);
      if (refusal) throw refusal;
    },
  };
}
