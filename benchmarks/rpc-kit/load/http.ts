import { isDeepStrictEqual } from 'node:util';
import { answerTo } from '../../harness/child.ts';
import { closedLoop, type Sample, type Timing } from '../../harness/closed-loop.ts';
import { openConnection, toRequest, withConnections } from '../../harness/connection.ts';
import { type Dialect, resultOf, toHttpRequest } from '../dialects.ts';
import type { MethodName } from '../work.ts';
import { stayAwake } from './stay-awake.ts';

/** The call that a load generator makes. */
export interface Target {
  readonly port: number;
  readonly dialect: Dialect;
  readonly method: MethodName;
  readonly params: unknown;
}

export interface LoadOrder extends Target {
  readonly result: unknown;
  readonly timing: Timing;
}

/** The load generator for servers that speak HTTP/1.1. */
answerTo({
  async run({ timing, result, ...target }: LoadOrder): Promise<Sample> {
    const request = toBytes(target);
    return await withConnections(target.port, timing.concurrency, async (connections) => {
      const first = await connections[0]?.exchange(request);
      if (!first || !isDeepStrictEqual(resultOf(target.dialect, first.body.toString()), result)) {
        throw new Error(`answered HTTP ${first?.status} ${first?.body}`);
      }
      const lanes = connections.map((connection) => async () => {
        const { status, body } = await connection.exchange(request);
        return status === 200 && body.length === first.body.length;
      });
      using _awake = stayAwake();
      return await closedLoop(lanes, timing);
    });
  },
  /** @returns whether the call was refused */
  async isRefused(target: Target): Promise<boolean> {
    using connection = await openConnection(target.port);
    const { status, body } = await connection.exchange(toBytes(target));
    return status !== 200 || resultOf(target.dialect, body.toString()) === undefined;
  },
});

function toBytes({ port, dialect, method, params }: Target): Buffer {
  const { path, body } = toHttpRequest(dialect, method, params);
  return toRequest(port, path, body);
}
