import { parseArgs } from 'node:util';

export interface Options {
  readonly help: boolean;
  readonly quick: boolean;
  readonly plan: Plan;
}

export interface Plan {
  /** The most runs of one variant in one cell, by turns with the others. */
  readonly roundsMax: number;
  /** A variant that has run for so long in a cell does not run again there. */
  readonly enoughMs: number;
  /** Where the limit makes the time of a cell known before, so few carts are asked for that it ends within this. */
  readonly cellMs: number;
  /** Against hanging: whatever has not come by then is cut off. */
  readonly limitMs: number;
  readonly users: readonly number[];
  readonly skusEach: readonly number[];
  /** The cells that are also run with checkout's real bounds. */
  readonly bounded: readonly { readonly users: number; readonly skusEach: number }[];
}

const FULL: Plan = {
  roundsMax: 20,
  enoughMs: 3_000,
  cellMs: 27_000,
  limitMs: 45_000,
  users: [1, 100],
  skusEach: [1, 10, 50],
  bounded: [
    { users: 100, skusEach: 10 },
    { users: 100, skusEach: 50 },
  ],
};

const QUICK: Plan = {
  ...FULL,
  roundsMax: 3,
  enoughMs: 500,
  cellMs: 4_000,
  limitMs: 10_000,
  skusEach: [1, 10],
  bounded: [],
};

export const USAGE = `make bench WHAT=checkout ARGS='[options]'
  --quick   a look in less than a minute: small carts, fewer of them where the limit is on, and not the real bounds
  --help    this text`;

/** @throws {TypeError} with a sentence for the one who typed it */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return { help: values.help, quick: values.quick, plan: values.quick ? QUICK : FULL };
}
