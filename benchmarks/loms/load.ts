import { answerTo } from '../harness/child.ts';
import { closedLoop, type Sample, type Timing } from '../harness/closed-loop.ts';
import { withConnections } from '../harness/connection.ts';
import { makeOrder } from './make-order.ts';
import type { ScenarioName } from './scenario.ts';

/** Makes and pays orders over HTTP, one after the other on each connection. */
export interface LoadOrder {
  readonly port: number;
  readonly scenario: ScenarioName;
  readonly timing: Timing;
}

answerTo({
  run: ({ port, scenario, timing }: LoadOrder): Promise<Sample> =>
    withConnections(port, timing.concurrency, (connections) =>
      closedLoop(
        connections.map((connection) => async () => (await makeOrder(connection, port, scenario)) === 'paid'),
        timing,
      ),
    ),
});
