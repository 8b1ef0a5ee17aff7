import { onAbort } from 'rpc-kit';
import type { ChangeFeed, ChangeReader, OrderChange, OrderPlace } from './domain/ports.ts';

/** How late a change that another replica made may be seen. */
const TICK_MS = 1_000;

/** A call that waits for a change of its order. */
interface Watcher extends OrderPlace {
  readonly changed: PromiseWithResolvers<readonly OrderChange[]>;
}

export interface PolledFeed extends ChangeFeed {
  /** This process has committed changes of the orders. */
  wake(orderIDs: readonly bigint[]): void;
  /**
   * Reads what is due.
   * @returns in how many milliseconds the next tick is; false while no order is watched
   */
  round(signal: AbortSignal): Promise<false | number>;
}

/**
 * Reads the changes of all watched orders together: one statement a second, however many there are, and none while there are none.
 * Orders that this process has changed, or that are new here, are read at once. pgbouncer in transaction mode has no LISTEN.
 *
 * @param onWork called when the next round is due at once
 */
export function createChangeFeed(changes: Pick<ChangeReader, 'behind'>, onWork: () => void): PolledFeed {
  const watched = new Map<bigint, Set<Watcher>>();
  /** Orders to be read before the next tick. */
  const due = new Set<bigint>();
  let tickedAt = Number.NEGATIVE_INFINITY;

  async function round(signal: AbortSignal): Promise<false | number> {
    const startedAt = performance.now();
    const isTick = startedAt - tickedAt >= TICK_MS;
    const orderIDs = isTick ? [...watched.keys()] : [...due].filter((orderID) => watched.has(orderID));
    due.clear();
    if (isTick) tickedAt = startedAt;
    if (orderIDs.length > 0) settle(await changes.behind(orderIDs.map(earliestPlace), { signal }));
    return watched.size === 0 ? false : Math.max(0, tickedAt + TICK_MS - performance.now());
  }

  function earliestPlace(orderID: bigint): OrderPlace {
    const seqs = [...(watched.get(orderID) ?? [])].map(({ seq }) => seq);
    return { orderID, seq: Math.min(...seqs) };
  }

  function settle(found: Awaited<ReturnType<ChangeReader['behind']>>): void {
    for (const [orderID, all] of Map.groupBy(found, (change) => change.orderID)) {
      for (const watcher of watched.get(orderID) ?? []) {
        const behind = all.filter(({ seq }) => seq > watcher.seq).map(({ seq, status, at }) => ({ seq, status, at }));
        if (behind.length === 0) continue;
        leave(watcher);
        watcher.changed.resolve(behind);
      }
    }
  }

  function join(watcher: Watcher): void {
    const others = watched.get(watcher.orderID);
    if (others) others.add(watcher);
    else watched.set(watcher.orderID, new Set([watcher]));
    wake([watcher.orderID]);
  }

  function leave(watcher: Watcher): void {
    const others = watched.get(watcher.orderID);
    others?.delete(watcher);
    if (others?.size === 0) watched.delete(watcher.orderID);
  }

  function wake(orderIDs: readonly bigint[]): void {
    if (watched.size === 0) return;
    for (const orderID of orderIDs) if (watched.has(orderID)) due.add(orderID);
    if (due.size > 0) onWork();
  }

  return {
    wake,
    round,
    async behind({ orderID, seq }, { signal }) {
      signal.throwIfAborted();
      const watcher: Watcher = { orderID, seq, changed: Promise.withResolvers() };
      const unfollow = onAbort(signal, () => {
        leave(watcher);
        watcher.changed.reject(signal.reason);
      });
      join(watcher);
      try {
        return await watcher.changed.promise;
      } finally {
        unfollow();
      }
    },
  };
}
