import type { Field } from './field.ts';

/** Microseconds of CPU for each request, round by round. */
export interface RefusalCost {
  readonly refusing: readonly number[];
  /** Of a bare node:http server that answers the same bytes, by turns. */
  readonly bare: readonly number[];
  /** Of a node:net server that answers the same bytes to whatever it reads. */
  readonly tcp: readonly number[];
}

const ROUNDS = 4;
/** Requests come in bursts, as in an overload; paused callers are read again after 10 ms. */
const BURSTS = { connections: 200, times: 50, pauseMs: 10 };
/** They compile the code. */
const WARM_UP_ROUNDS = 2;

/** A server that is full, alone: in an overload, the refusals cannot be told from the calls. */
export async function measureRefusals({ refusing, load }: Field): Promise<RefusalCost> {
  const ports = await refusing.ask<Record<keyof RefusalCost, number>>('ports');
  const perRequest = async (port: number): Promise<number> => {
    const before = await refusing.ask<number>('cpu');
    await load.ask('bursts', { target: { port, face: 'rpc' }, ...BURSTS });
    return ((await refusing.ask<number>('cpu')) - before) / (BURSTS.connections * BURSTS.times);
  };
  const cost = { refusing: [] as number[], bare: [] as number[], tcp: [] as number[] };
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
    for (const server of ['refusing', 'bare', 'tcp'] as const) {
      const micros = await perRequest(ports[server]);
      if (round >= WARM_UP_ROUNDS) cost[server].push(micros);
    }
  }
  return cost;
}
