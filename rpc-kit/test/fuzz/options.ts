import { describeWhole, parseWhole, type WholeRange } from '../../src/schema/whole-number.ts';

/** The number of an option of the command line; ends the process with a sentence if it is none. */
export function readWhole(name: string, text: string, range: WholeRange): number {
  const number = parseWhole(text, range);
  if (number !== undefined) return number;
  console.error(`--${name} is "${text}", but has to be ${describeWhole(range)}.`);
  process.exit(1);
}

/** Without one, the seed is another one in each run. */
export function readSeed(text: string | undefined): number {
  return readWhole('seed', text || String(Date.now() % 1_000_000), { min: 0, max: 2 ** 32 - 1 });
}
