import { setTimeout as sleep } from 'node:timers/promises';
import { openLoop, type Pace } from 'storm/open-loop';
import { answerTo } from '../harness/child.ts';
import { closedLoop } from '../harness/closed-loop.ts';
import { type Connection, openConnection, withConnections } from '../harness/connection.ts';
import { CallMix, type Face } from './calls.ts';
import { type Tally, TallyOfCalls } from './tally.ts';

export interface LoadTarget {
  readonly port: number;
  readonly face: Face;
}

export interface OpenLoad {
  readonly target: LoadTarget;
  readonly pace: Pace;
  /** Whether the service accepts the connections before the load begins, as those of callers that it has had for a while. */
  readonly areKnown: boolean;
}

/** More than loms has calls in flight, so that an arrival finds a free one; below the server's `connectionsMax`. */
const CONNECTIONS = 950;

/**
 * Arrivals that find no free connection for so long are never sent. The service pauses reading from the callers that it refuses, and
 * a caller whose connection is paused waits. A queue here would send all of them too late.
 */
const FREE_CONNECTION_MS = 100;

const mixes = new Map<string, CallMix>();

/** Orders that wait for their payment outlive a measurement. */
function mixOf({ port, face }: LoadTarget): CallMix {
  const key = `${port} ${face}`;
  const mix = mixes.get(key) ?? new CallMix(port, face);
  mixes.set(key, mix);
  return mix;
}

/** Makes the calls of the mix on one connection, and opens a new one when it breaks. */
function laneOf({ port }: LoadTarget, mix: CallMix, tally: TallyOfCalls, first: Connection) {
  let connection: Connection | undefined = first;
  return async (dueAt: number): Promise<boolean> => {
    if (performance.now() - dueAt >= FREE_CONNECTION_MS) {
      tally.skip(1);
      return false;
    }
    const call = mix.next();
    connection ??= await openConnection(port).catch(() => undefined);
    const answer = await connection?.exchange(call.bytes).catch(() => undefined);
    if (!answer) {
      connection?.[Symbol.dispose]();
      connection = undefined;
    }
    const outcome = mix.outcomeOf(call, answer);
    tally.add(call, dueAt, performance.now(), outcome);
    return outcome === 'ok';
  };
}

/** The service accepts connections in turn, so an answer on the last one says that it has accepted all. */
async function acceptAll({ port }: LoadTarget, connections: readonly Connection[]): Promise<void> {
  await connections.at(-1)?.exchange(Buffer.from(`GET /livez HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`));
}

answerTo({
  /** As many calls as there are clients, one after the other: what the service can do. */
  async closed({ target, clients, ms }: { target: LoadTarget; clients: number; ms: number }): Promise<Tally> {
    const tally = new TallyOfCalls(performance.now());
    await withConnections(target.port, clients, (connections) => {
      const lanes = connections.map((connection) => laneOf(target, mixOf(target), tally, connection));
      const timing = { concurrency: clients, warmUpMs: 0, measureMs: ms };
      return closedLoop(
        lanes.map((lane) => () => lane(performance.now())),
        timing,
      );
    });
    return tally.end(ms);
  },
  /** Makes orders until as many wait for their payment: at ten times the capacity, payments outrun the orders that are made. */
  stockUp: ({ target, unpaid, clients }: { target: LoadTarget; unpaid: number; clients: number }): Promise<unknown> =>
    withConnections(target.port, clients, (connections) => {
      const mix = mixOf(target);
      const stockUp = async (connection: Connection): Promise<void> => {
        while (mix.unpaid < unpaid) {
          const call = mix.prepare('createOrder');
          mix.outcomeOf(call, await connection.exchange(call.bytes));
        }
      };
      return Promise.all(connections.map(stockUp));
    }),
  /** As many calls at once as there are connections, again and again. */
  bursts: ({ target, ...bursts }: { target: LoadTarget; connections: number; times: number; pauseMs: number }) =>
    withConnections(target.port, bursts.connections, async (connections) => {
      const { bytes } = new CallMix(target.port, target.face).prepare('createOrder');
      for (let time = 0; time < bursts.times; time++) {
        await Promise.all(connections.map((connection) => connection.exchange(bytes)));
        await sleep(bursts.pauseMs);
      }
    }),
  /** Milliseconds until each of some callers that connect at once has an answer to a call, which may be a refusal. */
  async newcomers({ target, callers }: { target: LoadTarget; callers: number }): Promise<number[]> {
    const startedAt = performance.now();
    return await withConnections(target.port, callers, (connections) => {
      const mix = mixOf(target);
      const callOn = async (connection: Connection): Promise<number> => {
        const call = mix.next();
        mix.outcomeOf(call, await connection.exchange(call.bytes));
        return performance.now() - startedAt;
      };
      return Promise.all(connections.map(callOn));
    });
  },
  /** Calls by a schedule, as independent callers make them. */
  async open({ target, pace, areKnown }: OpenLoad): Promise<Tally> {
    return await withConnections(target.port, CONNECTIONS, async (connections) => {
      if (areKnown) await acceptAll(target, connections);
      const tally = new TallyOfCalls(performance.now());
      const lanes = connections.map((connection) => laneOf(target, mixOf(target), tally, connection));
      const { dropped } = await openLoop({ lanes, ...pace, onEnd: () => {} });
      tally.skip(dropped);
      return tally.end(pace.seconds * 1_000);
    });
  },
});
