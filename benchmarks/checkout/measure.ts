import { PRODUCT_LIMIT } from 'checkout/testing';
import { percentile } from '../harness/figure.ts';
import { startProcess } from '../harness/process.ts';
import { rotated } from '../harness/rounds.ts';
import type { Run, RunOrder } from './lister.ts';
import type { Seen } from './product-server.ts';
import { ANSWER_MS, type Bounds, VARIANTS, type Variant, type VariantName } from './variants.ts';

export interface Plan {
  /** The most runs of one variant in one cell, by turns with the others. */
  readonly roundsMax: number;
  /** A variant that has run for this long in a cell does not run again there. */
  readonly enoughMs: number;
  /** Where the limit makes the time of a cell predictable, fewer users list their carts, so that it ends within this. */
  readonly cellMs: number;
  /** Against hanging: calls that take longer are cut off. */
  readonly limitMs: number;
}

/** This many users with this many skus in each cart. */
export interface Cell {
  readonly users: number;
  readonly skusEach: number;
  readonly bounds: Bounds;
}

/** One variant in one cell, over all its runs. */
export interface Measured extends Cell {
  readonly variant: VariantName;
  /** Users in each run: fewer than the cell has where all of them would take too long. */
  readonly usersOfRun: number;
  readonly runs: number;
  readonly served: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly seconds: number;
  readonly calls: number;
  readonly busiestSecond: number;
}

type Turn = Run & Seen;
type Measure = (cell: Cell, variants: readonly Variant[]) => Promise<Measured[]>;

const file = (name: string): URL => new URL(name, import.meta.url);
/** A run ends by its own limit, so a later reply means that the process hangs. */
const GRACE_MS = 10_000;
/** Enough calls that the code of every variant is compiled. */
const WARM_UP = { variant: 'pool', bounds: 'lifted', users: 40, skusEach: 50 } as const;

/** Starts the product service and a process for each variant, and warms them up. */
export async function openField(
  stack: AsyncDisposableStack,
  plan: Plan,
  log: (line: string) => void,
): Promise<Measure> {
  const { limitMs } = plan;
  const products = stack.use(startProcess(file('product-server.ts'), [String(ANSWER_MS)]));
  const port = await products.ask<number>('port');
  const run = new Map<VariantName, (order: RunOrder) => Promise<Run>>();
  for (const { name } of VARIANTS) {
    const lister = stack.use(startProcess(file('lister.ts'), [String(port)]));
    run.set(name, (order) => lister.ask<Run>('run', order, limitMs + GRACE_MS));
    await run.get(name)?.({ ...WARM_UP, limitMs });
    log(`warm-up: ${name}`);
  }
  await products.ask('take');

  async function takeTurn({ skusEach, bounds }: Cell, { name }: Variant, users: number): Promise<Turn> {
    const done = await run.get(name)?.({ variant: name, bounds, skusEach, users, limitMs });
    if (!done) throw new Error(`no process runs ${name}`);
    return { ...done, ...(await products.ask<Seen>('take')) };
  }

  /** All variants take turns, and each round starts with the next one. */
  return async (cell, variants) => {
    const turns = new Map<Variant, Turn[]>(variants.map((variant) => [variant, []]));
    for (let round = 0; round < plan.roundsMax; round++) {
      for (const variant of rotated(variants, round)) {
        const done = turns.get(variant) ?? [];
        if (secondsOf(done) * 1_000 < plan.enoughMs)
          done.push(await takeTurn(cell, variant, usersOf(cell, variant, plan)));
      }
    }
    const measured = [...turns].map(([variant, done]) => summarize(cell, variant, usersOf(cell, variant, plan), done));
    for (const { variant, served, calls, seconds } of measured) {
      log(`  ${variant}: ${served} carts, ${calls} calls, ${seconds.toFixed(1)} s`);
    }
    return measured;
  };
}

/** With the limit and without sharing, each sku of each cart needs a token, so the time of a cell is known beforehand. */
function usersOf({ users, skusEach, bounds }: Cell, { limited, shared }: Variant, { cellMs }: Plan): number {
  if (!limited || shared || bounds === 'real') return users;
  const { tokens, intervalMs } = PRODUCT_LIMIT;
  const callsMax = (cellMs / (intervalMs + ANSWER_MS)) * tokens;
  return Math.max(1, Math.min(users, Math.floor(callsMax / skusEach)));
}

function summarize(cell: Cell, { name }: Variant, usersOfRun: number, turns: readonly Turn[]): Measured {
  const latencies = turns.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
  const failures: Record<string, number> = {};
  for (const [why, count] of turns.flatMap((turn) => Object.entries(turn.failures))) {
    failures[why] = (failures[why] ?? 0) + count;
  }
  return {
    ...cell,
    variant: name,
    usersOfRun,
    runs: turns.length,
    served: latencies.length,
    failures,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    seconds: secondsOf(turns),
    calls: turns.reduce((sum, { requests }) => sum + requests, 0),
    busiestSecond: Math.max(0, ...turns.map((turn) => turn.busiestSecond)),
  };
}

function secondsOf(turns: readonly Turn[]): number {
  return turns.reduce((sum, { seconds }) => sum + seconds, 0);
}
