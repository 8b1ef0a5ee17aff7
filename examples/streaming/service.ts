import { implement, raceSignal } from 'rpc-kit';
import { ticker } from './contract.ts';

interface Change {
  readonly seq: number;
  readonly sku: number;
  readonly price: number;
}

/** A caller that was away for longer misses the oldest changes. */
const CHANGES_MAX = 1_000;

/** @param firstSeq of a process: beyond those of the process before, so that its readers can go on */
export function createTicker(firstSeq = 1) {
  const changes: Change[] = [];
  let changed = Promise.withResolvers<void>();

  const service = implement(ticker, {
    async *watch({ sku, after = 0 }, { signal }) {
      for (let seen = after; ; ) {
        const next = changed.promise;
        for (const { seq, price } of changes.filter((change) => change.sku === sku && change.seq > seen)) {
          // Goes on when the reader has taken the item.
          yield { seq, price };
          seen = seq;
        }
        await raceSignal(next, signal);
      }
    },
  });

  function change(sku: number, price: number): void {
    changes.push({ seq: (changes.at(-1)?.seq ?? firstSeq - 1) + 1, sku, price });
    if (changes.length > CHANGES_MAX) changes.shift();
    changed.resolve();
    changed = Promise.withResolvers();
  }

  return { service, change };
}
