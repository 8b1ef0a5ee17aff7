import { isDeepStrictEqual } from 'node:util';
import { answerTo } from '../../harness/child.ts';
import { closedLoop, type Sample, type Timing } from '../../harness/closed-loop.ts';
import { openConnection, toRequest } from '../../harness/connection.ts';
import { type Dialect, resultsOf, toHttpRequest } from '../dialects.ts';
import type { MethodName } from '../work.ts';
import { stayAwake } from './stay-awake.ts';

/** The request that a load generator sends. */
export interface Target {
  readonly port: number;
  readonly dialect: Dialect;
  readonly method: MethodName;
  readonly params: unknown;
  /** Calls in the request, if it is a batch. */
  readonly batch?: number | undefined;
}

export interface LoadOrder extends Target {
  readonly result: unknown;
  readonly timing: Timing;
}

type Lane = () => Promise<boolean>;

let opened = new DisposableStack();
let lanes: Lane[] = [];

/** The load generator for servers that speak HTTP/1.1. */
answerTo({
  /** Opens the connections and uses each for a while, so that a run measures calls alone. */
  async prepare({ timing, ...order }: LoadOrder): Promise<void> {
    opened.dispose();
    opened = new DisposableStack();
    lanes = await openLanes(opened, order, timing.concurrency);
    using _awake = stayAwake();
    await closedLoop(lanes, { ...timing, warmUpMs: 0, measureMs: timing.warmUpMs });
  },
  async run(timing: Timing): Promise<Sample> {
    using _awake = stayAwake();
    return await closedLoop(lanes, { ...timing, warmUpMs: 0 });
  },
  /** @returns whether the call was refused */
  async isRefused(target: Target): Promise<boolean> {
    using connection = await openConnection(target.port);
    const { status, body } = await connection.exchange(toBytes(target));
    return status !== 200 || resultsOf(target.dialect, body.toString()).includes(undefined);
  },
});

async function openLanes(
  stack: DisposableStack,
  { result, ...target }: Omit<LoadOrder, 'timing'>,
  count: number,
): Promise<Lane[]> {
  const request = toBytes(target);
  const connections = await Promise.all(Array.from({ length: count }, () => openConnection(target.port)));
  for (const connection of connections) stack.use(connection);
  const first = await connections[0]?.exchange(request);
  const results = first ? resultsOf(target.dialect, first.body.toString()) : [];
  if (results.length !== (target.batch ?? 1) || !results.every((each) => isDeepStrictEqual(each, result))) {
    throw new Error(`answered HTTP ${first?.status} ${first?.body}`);
  }
  return connections.map((connection) => async () => {
    const { status, body } = await connection.exchange(request);
    return status === 200 && body.length === first?.body.length;
  });
}

function toBytes({ port, dialect, method, params, batch }: Target): Buffer {
  const { path, body } = toHttpRequest(dialect, method, params, batch);
  return toRequest(port, path, body);
}
