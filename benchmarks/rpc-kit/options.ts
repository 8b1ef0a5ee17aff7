import { parseArgs } from 'node:util';
import type { Timing } from '../harness/closed-loop.ts';
import { CLIENTS, SERVERS } from './contenders.ts';
import { METHOD_NAMES, type MethodName } from './work.ts';

export interface Options {
  readonly help: boolean;
  readonly quick: boolean;
  readonly rounds: number;
  /** Of one measurement. */
  readonly timing: Timing;
  /** Calls of each method before the first round, so that nobody is measured before its code is compiled. */
  readonly warmUpCalls: number;
  /** The names of the contenders to measure. */
  readonly only: ReadonlySet<string>;
  /** The contender to profile instead. */
  readonly profile: string | undefined;
  /** The method that is profiled. */
  readonly method: MethodName;
}

const CONCURRENCY = 32;
const FULL = { rounds: 7, warmUpCalls: 20_000, timing: { warmUpMs: 100, measureMs: 500 } };
const QUICK = { rounds: 2, warmUpCalls: 3_000, timing: { warmUpMs: 100, measureMs: 300 } };

const NAMES = [...SERVERS, ...CLIENTS].map(({ name }) => name as string);

export const USAGE = `make bench WHAT=rpc-kit ARGS='[options]'
  --quick             a look in less than a minute; its figures are rough
  --rounds <n>        more or fewer rounds
  --concurrency <n>   calls under way at a time, ${CONCURRENCY} by default
  --only <names>      some contenders, by commas, beside the two that the others are measured by
  --profile <name>    a CPU profile of one contender instead of the comparison
  --method <name>     what is profiled: ${METHOD_NAMES.join(' or ')}
  names: ${NAMES.join(', ')}`;

/** @throws {TypeError} with a sentence for the one who typed it */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      concurrency: { type: 'string' },
      only: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
      method: { type: 'string', default: METHOD_NAMES[0] },
    },
  });
  const defaults = values.quick ? QUICK : FULL;
  const rounds = parseCount('rounds', values.rounds) ?? defaults.rounds;
  const concurrency = parseCount('concurrency', values.concurrency) ?? CONCURRENCY;
  const only = new Set(values.only?.split(',') ?? NAMES);
  for (const name of [...only, ...(values.profile ? [values.profile] : [])]) {
    if (!NAMES.includes(name)) throw new TypeError(`there is no contender "${name}"`);
  }
  const method = METHOD_NAMES.find((name) => name === values.method);
  if (!method) throw new TypeError(`there is no method "${values.method}"`);
  const timing = { ...defaults.timing, concurrency };
  return {
    help: values.help,
    quick: values.quick,
    rounds,
    timing,
    warmUpCalls: defaults.warmUpCalls,
    only,
    profile: values.profile,
    method,
  };
}

function parseCount(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new TypeError(`--${name} takes a whole number from 1 to 9999`);
  return Number(text);
}
