import { parseArgs } from 'node:util';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { SCENARIO_NAMES, type ScenarioName } from './scenario.ts';

export interface Options {
  readonly help: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  /** To loms by HTTP, and of pgbench and the pg loop to Postgres; loms has as many to Postgres. */
  readonly connections: number;
  /** Of one measurement; pgbench counts whole seconds. */
  readonly seconds: number;
  /** Orders before the first round, so that nobody is measured before its code is compiled; on a slow machine, fewer. */
  readonly warmUpOrders: number;
  readonly warmUpSecondsMax: number;
  readonly scenarios: readonly ScenarioName[];
  /** A CPU profile of loms instead of the comparison. */
  readonly profile: boolean;
}

/** What DATABASE_POOL_MAX is by default. */
const CONNECTIONS = 10;
const FULL = { rounds: 4, seconds: 2, warmUpOrders: 1_500, warmUpSecondsMax: 15, scenarios: SCENARIO_NAMES };
const QUICK = {
  rounds: 2,
  seconds: 1,
  warmUpOrders: 500,
  warmUpSecondsMax: 3,
  scenarios: ['spread'],
} as const satisfies Partial<Options>;

export const USAGE = `make bench WHAT=loms ARGS='[options]'
  --quick             a look in less than 40 s, without the hot sku; its figures are rough
  --rounds <n>        more or fewer rounds
  --connections <n>   orders under way at a time, and connections to Postgres; ${CONNECTIONS} by default
  --profile           a CPU profile of loms instead of the comparison
  --help              this text`;

/** @throws {TypeError} with a sentence for the one who typed it */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      connections: { type: 'string' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const defaults = values.quick ? QUICK : FULL;
  return {
    ...defaults,
    help: values.help,
    quick: values.quick,
    profile: values.profile,
    rounds: parseCount('rounds', values.rounds, 100) ?? defaults.rounds,
    connections: parseCount('connections', values.connections, 40) ?? CONNECTIONS,
  };
}

function parseCount(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const range = { min: 1, max };
  const count = parseWhole(text, range);
  if (count === undefined) throw new TypeError(`--${name} takes ${describeWhole(range)}`);
  return count;
}
