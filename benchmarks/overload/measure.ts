import { setTimeout as sleep } from 'node:timers/promises';
import type { Face } from './calls.ts';
import type { Field, MeasuredLoms } from './field.ts';
import type { LoadTarget, OpenLoad } from './load.ts';
import { BUCKET_MS, type Tally } from './tally.ts';

export const FACTORS = [1, 2, 5, 10] as const;
export type Factor = (typeof FACTORS)[number];

export interface Timing {
  /** Callers of the closed loop that measures the capacity. */
  readonly clients: number;
  readonly warmUpSeconds: number;
  readonly capacitySeconds: number;
  readonly overloadSeconds: number;
  readonly freshSeconds: number;
  readonly afterSeconds: number;
}

/** One load, with the CPU time that it took. */
export interface Load extends Tally {
  readonly lomsMicros: number;
  readonly postgresMicros: number;
}

export interface Run {
  readonly capacity: Load;
  readonly loads: readonly { readonly factor: Factor; readonly load: Load }[];
  /** From the first call to a fresh process until it serves most of what it serves at the end of the load. */
  readonly foundMs: number;
  readonly fresh: Load;
  /** From the moment at which callers connect together, at the greatest load, until the last of them has an answer. */
  readonly newcomersMs: number;
  /** From the end of ten times the capacity until nearly all of a load below it is served. */
  readonly backMs: number;
  readonly after: Tally;
}

const FRESH_FACTOR = 5;
/** A process that is just started gets faster for seconds, so it is judged by what it serves itself a second later. */
const FRESH_SHARE = 0.7;
const FRESH_SPAN = 2;
const AFTER_FACTOR = 0.9;
const AFTER_SHARE = 0.95;
/** A bucket has too few calls. */
const AFTER_SPAN = 5;
/** Eight of ten calls make an order or pay one. */
const ORDERS_SHARE = 0.8;
/** They connect at the greatest load. */
export const NEWCOMERS = 100;
/** Orders that wait for their payment before an overload. */
const UNPAID = 2_000;

/** @param expected calls a second, as the run before has measured them */
export async function measureRun(field: Field, face: Face, expected: number, timing: Timing): Promise<Run> {
  await using stack = new AsyncDisposableStack();
  const loms = await field.startLoms(stack);
  const target: LoadTarget = { port: loms.port, face };
  const { clients, capacitySeconds, overloadSeconds, freshSeconds, afterSeconds } = timing;
  const open = (perSecond: number, seconds: number, areKnown = true) =>
    ask<Tally>(field, 'open', { target, pace: { perSecond, seconds }, areKnown } satisfies OpenLoad);
  const stockUp = () => ask(field, 'stockUp', { target, unpaid: UNPAID, clients });

  const fresh = await metered(loms, () => open(expected * FRESH_FACTOR, freshSeconds));
  await warmUp(field, loms, face, timing);
  await stockUp();
  const capacity = await metered(loms, () => ask(field, 'closed', { target, clients, ms: capacitySeconds * 1_000 }));
  const perSecond = callsPerSecond(capacity);
  const loads: { factor: Factor; load: Load }[] = [];
  let newcomers: Promise<number[]> | undefined;
  let after: Promise<Tally> | undefined;
  for (const factor of FACTORS) {
    await stockUp();
    const load = metered(loms, () => open(perSecond * factor, overloadSeconds));
    if (factor === FACTORS.at(-1)) {
      await sleep(overloadSeconds * 500);
      newcomers = ask<number[]>(field, 'newcomers', { target, callers: NEWCOMERS });
      await sleep(overloadSeconds * 500);
      after = open(perSecond * AFTER_FACTOR, afterSeconds, false);
    }
    loads.push({ factor, load: await load });
  }
  const afterwards = (await after) as Tally;
  const due = perSecond * ORDERS_SHARE * AFTER_FACTOR * AFTER_SHARE * (BUCKET_MS / 1_000);
  return {
    capacity,
    loads,
    fresh,
    newcomersMs: Math.max(...((await newcomers) as number[])),
    foundMs: timeUntil(fresh.ordersAnswered, meanOf(fresh.ordersAnswered.slice(-10)) * FRESH_SHARE, FRESH_SPAN),
    after: afterwards,
    backMs: timeUntil(afterwards.ordersDue, due, AFTER_SPAN),
  };
}

/** @returns the capacity, for the first run; a process gets faster while its code is compiled */
export async function warmUp(
  field: Field,
  { port }: MeasuredLoms,
  face: Face,
  { clients, warmUpSeconds }: Timing,
): Promise<number> {
  const closed = { target: { port, face }, clients, ms: warmUpSeconds * 500 };
  await ask(field, 'closed', closed);
  return callsPerSecond(await ask<Tally>(field, 'closed', closed));
}

export function callsPerSecond({ orders, stocks, seconds }: Tally): number {
  return (orders + stocks) / seconds;
}

/** The beginning of the first span whose mean reaches the wanted one. */
function timeUntil(buckets: readonly number[], wanted: number, span: number): number {
  const start = buckets.findIndex(
    (_, index) => index + span <= buckets.length && meanOf(buckets.slice(index, index + span)) >= wanted,
  );
  return start < 0 ? Number.POSITIVE_INFINITY : start * BUCKET_MS;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Longer than any load lasts. */
const REPLY_TIMEOUT_MS = 120_000;

function ask<T>({ load }: Field, what: string, argument: unknown): Promise<T> {
  return load.ask<T>(what, argument, REPLY_TIMEOUT_MS);
}

async function metered(loms: MeasuredLoms, run: () => Promise<Tally>): Promise<Load> {
  const before = loms.cpu();
  const tally = await run();
  const after = loms.cpu();
  return { ...tally, lomsMicros: after.loms - before.loms, postgresMicros: after.postgres - before.postgres };
}
