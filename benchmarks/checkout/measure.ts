import { PRODUCT_LIMIT } from 'checkout/testing';
import { type BenchProcess, startProcess } from '../harness/process.ts';
import { ANSWER_MS } from './goods.ts';
import type { Run, RunOrder } from './lister.ts';
import type { Plan } from './options.ts';
import type { Seen } from './product-server.ts';
import { type Bounds, VARIANTS, type Variant, type VariantName } from './variants.ts';

/** So many users with so many skus in the cart of each. */
export interface Cell {
  readonly users: number;
  readonly skusEach: number;
  readonly bounds: Bounds;
}

/** What one variant did in one cell, over all its runs. */
export interface Measured extends Cell {
  readonly variant: VariantName;
  /** Users in each run: fewer than the cell has where all of them would take too long. */
  readonly asked: number;
  readonly runs: number;
  readonly served: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly seconds: number;
  readonly calls: number;
  readonly busiestSecond: number;
  readonly underWayMost: number;
}

interface Turn extends Run {
  readonly seen: Seen;
}

const file = (name: string): URL => new URL(name, import.meta.url);
/** A reply is late only when the process hangs: the run itself ends by its own limit. */
const GRACE_MS = 10_000;
/** Enough calls that no variant is measured before its code is compiled. */
const WARM_UP = { variant: 'pool', bounds: 'lifted', users: 40, skusEach: 50 } as const;

export class Field implements AsyncDisposable {
  readonly #processes = new AsyncDisposableStack();
  readonly #plan: Plan;
  #products!: BenchProcess;
  readonly #listers = new Map<VariantName, BenchProcess>();

  private constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** The product service, and a process for each variant, warmed up. */
  static async open(plan: Plan, log: (line: string) => void): Promise<Field> {
    const field = new Field(plan);
    field.#products = field.#processes.use(startProcess(file('product-server.ts')));
    const port = await field.#products.ask<number>('port');
    for (const { name } of VARIANTS) {
      const lister = field.#processes.use(startProcess(file('lister.ts'), [String(port)]));
      field.#listers.set(name, lister);
      await lister.ask<Run>('run', { ...WARM_UP, limitMs: plan.limitMs }, plan.limitMs + GRACE_MS);
      log(`warm-up: ${name}`);
    }
    await field.#products.ask('take');
    return field;
  }

  /** All variants take turns, and each round begins with the next of them. One that has run long enough rests. */
  async measure(cell: Cell, variants: readonly Variant[], log: (line: string) => void): Promise<Measured[]> {
    const turns = new Map<Variant, Turn[]>(variants.map((variant) => [variant, []]));
    for (let round = 0; round < this.#plan.roundsMax; round++) {
      const from = round % variants.length;
      for (const variant of [...variants.slice(from), ...variants.slice(0, from)]) {
        const taken = turns.get(variant) ?? [];
        if (secondsOf(taken) * 1_000 < this.#plan.enoughMs) taken.push(await this.#turn(cell, variant));
      }
    }
    const measured = variants.map((variant) =>
      summarize(cell, variant, this.#asked(cell, variant), turns.get(variant) ?? []),
    );
    for (const { variant, served, calls, seconds } of measured) {
      log(`  ${variant}: ${served} carts, ${calls} calls, ${seconds.toFixed(1)} s`);
    }
    return measured;
  }

  async #turn(cell: Cell, variant: Variant): Promise<Turn> {
    const { skusEach, bounds } = cell;
    const { limitMs } = this.#plan;
    const order: RunOrder = { variant: variant.name, bounds, skusEach, users: this.#asked(cell, variant), limitMs };
    const run = await this.#listers.get(variant.name)?.ask<Run>('run', order, limitMs + GRACE_MS);
    if (!run) throw new Error(`there is no process for ${variant.name}`);
    return { ...run, seen: await this.#products.ask<Seen>('take') };
  }

  /** With the limit and nothing shared, each sku of each cart takes a token, so how long a cell takes is known before. */
  #asked({ users, skusEach, bounds }: Cell, { limited, shared }: Variant): number {
    if (!limited || shared || bounds === 'real') return users;
    const { tokens, intervalMs } = PRODUCT_LIMIT;
    const callsMax = (this.#plan.cellMs / (intervalMs + ANSWER_MS)) * tokens;
    return Math.max(1, Math.min(users, Math.floor(callsMax / skusEach)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes.disposeAsync();
  }
}

function summarize(cell: Cell, { name }: Variant, asked: number, turns: readonly Turn[]): Measured {
  const latencies = turns.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
  const percentile = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
  const failures: Record<string, number> = {};
  for (const [why, count] of turns.flatMap((turn) => Object.entries(turn.failures))) {
    failures[why] = (failures[why] ?? 0) + count;
  }
  const most = (of: (seen: Seen) => number): number => Math.max(0, ...turns.map(({ seen }) => of(seen)));
  return {
    ...cell,
    variant: name,
    asked,
    runs: turns.length,
    served: latencies.length,
    failures,
    p50Ms: percentile(0.5),
    p99Ms: percentile(0.99),
    seconds: secondsOf(turns),
    calls: turns.reduce((sum, { seen }) => sum + seen.requests, 0),
    busiestSecond: most(({ busiestSecond }) => busiestSecond),
    underWayMost: most(({ underWayMost }) => underWayMost),
  };
}

function secondsOf(turns: readonly Turn[]): number {
  return turns.reduce((sum, { seconds }) => sum + seconds, 0);
}
