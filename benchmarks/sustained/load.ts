import type { Pace } from 'storm/open-loop';
import { answerTo } from '../harness/child.ts';
import { closedLoop, type Sample, type Timing } from '../harness/closed-loop.ts';
import { openConnection, withConnections } from '../harness/connection.ts';
import { measureOpenLoop, type OpenSample } from '../harness/open-loop.ts';
import { makeOrder } from '../loms/make-order.ts';

/** Makes and pays orders over HTTP, in its own process. */
export interface ClosedLoad {
  readonly port: number;
  readonly timing: Timing;
}

export interface OpenLoad {
  readonly port: number;
  readonly pace: Pace;
}

export interface OpenOrders extends OpenSample {
  /** Number of failed orders by code. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Orders in flight at most; further ones wait, and the wait counts. At a latency of 200 ms it is enough for 1,280 orders a second. */
const CONNECTIONS = 256;

answerTo({
  closed: ({ port, timing }: ClosedLoad): Promise<Sample> =>
    withConnections(port, timing.concurrency, (connections) =>
      closedLoop(
        connections.map((connection) => async () => (await makeOrder(connection, port, 'spread')) === 'paid'),
        timing,
      ),
    ),
  async open({ port, pace }: OpenLoad): Promise<OpenOrders> {
    const failures: Record<string, number> = {};
    const onFailure = (code: string): void => {
      failures[code] = (failures[code] ?? 0) + 1;
    };
    const lanes = await Promise.all(Array.from({ length: CONNECTIONS }, () => openLane(port, onFailure)));
    try {
      const orders = lanes.map(({ order }) => order);
      return { ...(await measureOpenLoop(orders, pace)), failures };
    } finally {
      for (const { close } of lanes) close();
    }
  },
});

/** A connection that is opened again when the server has closed it. */
async function openLane(port: number, onFailure: (code: string) => void) {
  let connection = await openConnection(port);
  return {
    close: () => connection[Symbol.dispose](),
    async order(): Promise<boolean> {
      if (!connection.isOpen) connection = await openConnection(port);
      const outcome = await makeOrder(connection, port, 'spread').catch(async () => {
        connection = await openConnection(port);
        return 'connection closed';
      });
      if (outcome !== 'paid') onFailure(outcome);
      return outcome === 'paid';
    },
  };
}
