import { setTimeout as sleep } from 'node:timers/promises';
import { closedLoop, type Sample } from '../harness/closed-loop.ts';
import { type Connection, openConnection, withConnections } from '../harness/connection.ts';
import { type Figure, figureOf } from '../harness/figure.ts';
import { type Field, fetchUntilServed } from './field.ts';
import { lanesOf, toBytes } from './requests.ts';

export interface FloodedRoute {
  readonly name: string;
  readonly aloneP50Ms: Figure;
  readonly aloneP99Ms: Figure;
  readonly floodedP50Ms: Figure;
  readonly floodedP99Ms: Figure;
  /** The p99 during the flood as a multiple of the p99 before it, round by round. */
  readonly p99Ratio: Figure;
  readonly failures: number;
}

export interface Flood {
  readonly routes: readonly FloodedRoute[];
  /** Logins for each second of the flood, by the status of their answer: 401 cost a hash, 429 did not. */
  readonly answered: Readonly<Record<string, number>>;
}

interface Options {
  readonly rounds: number;
  readonly seconds: number;
}

/** Each sends a login a second, more than twice as many as accounts can hash. */
const ATTACKERS = 100;
const PAUSE_MS = 1_000;
/** Until accounts hashes at its limit, and its queue is full. */
const SWELL_MS = 1_500;

/** The latency of other routes, one request at a time, alone and while accounts hashes at its limit. */
export async function measureFlood(field: Field, { rounds, seconds }: Options): Promise<Flood> {
  const port = Number(new URL(field.mesh.urls.gateway).port);
  const routes = [
    { name: 'GET /v1/products?limit=20', path: '/v1/products?limit=20', text: '"items":' },
    { name: 'GET /v1/me', path: '/v1/me', text: '"email":' },
  ];
  const timing = { concurrency: 1, warmUpMs: 200, measureMs: seconds * 1_000 };
  const measure = (path: string, text: string, authorization: string): Promise<Sample> => {
    const request = toBytes({ verb: 'GET', path, headers: { authorization } });
    const drive = (connections: readonly Connection[]) =>
      closedLoop(
        lanesOf(connections, () => request, { status: 200, text }),
        timing,
      );
    return withConnections(port, timing.concurrency, drive);
  };
  const answered: Record<string, number> = {};
  let floodedSeconds = 0;
  const samples = routes.map(() => ({ alone: [] as Sample[], flooded: [] as Sample[] }));
  for (let round = 0; round < rounds; round++) {
    const authorization = await field.authorization();
    await fetchUntilServed(`${field.mesh.urls.gateway}/v1/me`, { headers: { authorization } });
    for (const [index, { path, text }] of routes.entries()) {
      samples[index]?.alone.push(await measure(path, text, authorization));
    }
    const startedAt = performance.now();
    await withFlood(port, answered, async () => {
      await sleep(SWELL_MS);
      for (const [index, { path, text }] of routes.entries()) {
        samples[index]?.flooded.push(await measure(path, text, authorization));
      }
    });
    floodedSeconds += (performance.now() - startedAt) / 1_000;
    console.log(`login flood, round ${round + 1} of ${rounds}`);
  }
  return {
    routes: routes.map(({ name }, index) => toRoute(name, samples[index] ?? { alone: [], flooded: [] })),
    answered: Object.fromEntries(Object.entries(answered).map(([status, count]) => [status, count / floodedSeconds])),
  };
}

function toRoute(
  name: string,
  { alone, flooded }: { alone: readonly Sample[]; flooded: readonly Sample[] },
): FloodedRoute {
  const of = (samples: readonly Sample[], field: 'p50Ms' | 'p99Ms') =>
    figureOf(samples.map((sample) => sample[field]).filter(isNumber));
  return {
    name,
    aloneP50Ms: of(alone, 'p50Ms'),
    aloneP99Ms: of(alone, 'p99Ms'),
    floodedP50Ms: of(flooded, 'p50Ms'),
    floodedP99Ms: of(flooded, 'p99Ms'),
    p99Ratio: figureOf(flooded.map(({ p99Ms }, round) => p99Ms / (alone[round]?.p99Ms ?? Number.NaN)).filter(isNumber)),
    failures: [...alone, ...flooded].reduce((sum, { failures }) => sum + failures, 0),
  };
}

/** A measurement without a right answer has no latency; its failures are shown. */
const isNumber = (value: number): boolean => !Number.isNaN(value);

/**
 * Logins with unknown e-mail addresses, each from an address and a connection of its own, so that no other limit refuses them. A
 * refusal before the body closes its connection.
 */
async function withFlood(port: number, answered: Record<string, number>, work: () => Promise<void>): Promise<void> {
  let isOver = false;
  const attack = async (_: unknown, attacker: number): Promise<void> => {
    await sleep((PAUSE_MS * attacker) / ATTACKERS);
    while (!isOver) {
      using connection = await openConnection(port);
      const { status } = await connection.exchange(toLogin());
      answered[status] = (answered[status] ?? 0) + 1;
      await sleep(PAUSE_MS);
    }
  };
  const attacks = Promise.all(Array.from({ length: ATTACKERS }, attack));
  attacks.catch(() => {});
  try {
    await work();
  } finally {
    isOver = true;
    await attacks;
  }
}

let logins = 0;

function toLogin(): Buffer {
  const number = logins++;
  const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
  return toBytes({
    verb: 'POST',
    path: '/v1/auth/login',
    headers: { 'x-forwarded-for': address },
    body: { email: `nobody-${number}@shop.example`, password: 'a walk along the river' },
  });
}
