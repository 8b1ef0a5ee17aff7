import { isDeepStrictEqual } from 'node:util';
import { answerTo } from '../../harness/child.ts';
import { closedLoop, type Sample, type Timing } from '../../harness/closed-loop.ts';
import { openConnection } from '../../harness/connection.ts';
import { type Dialect, resultOf, toHttpRequest } from '../dialects.ts';
import type { MethodName } from '../work.ts';
import { stayAwake } from './stay-awake.ts';

/** What a load generator is told to call. */
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
    const connections = await Promise.all(
      Array.from({ length: timing.concurrency }, () => openConnection(target.port)),
    );
    try {
      const [first] = connections;
      const right = await first?.exchange(request);
      if (!right || !isDeepStrictEqual(resultOf(target.dialect, right.body.toString()), result)) {
        throw new Error(`answered HTTP ${right?.status} ${right?.body}`);
      }
      const lanes = connections.map((connection) => async () => {
        const { status, body } = await connection.exchange(request);
        return status === 200 && body.length === right.body.length;
      });
      using _awake = stayAwake();
      return await closedLoop(lanes, timing);
    } finally {
      for (const connection of connections) connection[Symbol.dispose]();
    }
  },
  /** @returns whether the call was refused */
  async isRefused(target: Target): Promise<boolean> {
    using connection = await openConnection(target.port);
    const { status, body } = await connection.exchange(toBytes(target));
    return status !== 200 || resultOf(target.dialect, body.toString()) === undefined;
  },
});

/** The headers that rpc-kit's client sends, the same for every server. */
function toBytes({ port, dialect, method, params }: Target): Buffer {
  const { path, body } = toHttpRequest(dialect, method, params);
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    'connection: keep-alive',
    'content-type: application/json',
    'user-agent: benchmark/1.0.0',
    'x-request-id: 8b0d2a4e-6c1f-4f0e-9a53-2d7c1e4b9f60',
    'x-deadline-ms: 2000',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}
