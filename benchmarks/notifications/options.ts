import { parseArgs } from 'node:util';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';

/** How order events travel, and what p99 of their lag has to stay below. */
export const BARS_MS = { rpc: 50, kafka: 100 } as const;
export type Way = keyof typeof BARS_MS;

export interface Options {
  readonly help: boolean;
  readonly way: Way;
  /** Of the measured part, after the warm-up. */
  readonly seconds: number;
}

const SECONDS = 30;
const SECONDS_MAX = 3_600;

export const USAGE = `make bench WHAT=notifications ARGS='[options]'
  --events <way>   rpc (default), or kafka: through a Kafka of its own, which needs Java 17 and Maven
  --seconds <n>    how long to measure; ${SECONDS} by default
  --help           this text`;

/** @throws {TypeError} with a sentence for the one who typed it */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: 'string', default: 'rpc' },
      seconds: { type: 'string', default: String(SECONDS) },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { events, help } = values;
  if (events !== 'rpc' && events !== 'kafka')
    throw new TypeError(`--events is "${events}", but has to be rpc or kafka`);
  const range = { min: 1, max: SECONDS_MAX };
  const seconds = parseWhole(values.seconds, range);
  if (seconds === undefined) throw new TypeError(`--seconds takes ${describeWhole(range)}`);
  return { help, way: events, seconds };
}
