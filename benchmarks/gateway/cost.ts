import { cpuMicros } from '../harness/child.ts';
import { type Figure, figureOf } from '../harness/figure.ts';

/** What is measured in one process: the CPU time that one of its pieces takes, of all threads. */
export interface Piece {
  readonly name: string;
  /** How many pieces one run does. */
  readonly times: number;
  run(): unknown;
}

export interface Cost {
  readonly name: string;
  /** Of CPU time. */
  readonly micros: Figure;
  /** As a multiple of the first piece's. */
  readonly ratio: Figure;
}

/** All pieces take turns in every round. The first round compiles the code, and does not count. */
export async function measureCosts(rounds: number, piecesOf: () => Promise<readonly Piece[]>): Promise<Cost[]> {
  const micros = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const { name, times, run } of await piecesOf()) {
      const before = cpuMicros();
      await run();
      const each = (cpuMicros() - before) / times;
      if (round > 0) micros.set(name, [...(micros.get(name) ?? []), each]);
    }
  }
  const [first = []] = micros.values();
  return Array.from(micros, ([name, own]) => ({
    name,
    micros: figureOf(own),
    ratio: figureOf(own.map((each, round) => each / (first[round] ?? Number.NaN))),
  }));
}
