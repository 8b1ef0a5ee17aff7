import { AsyncLocalStorage } from 'node:async_hooks';
import { type Span, trace } from '@opentelemetry/api';
import { onAbort, RpcError } from 'rpc-kit';
import { runInHalves } from 'worker-pool';

export interface GroupingOptions<Item, Outcome> {
  /** How many groups run side by side. With few lanes, groups are large and cost little an item. */
  readonly lanes: number;
  /** A group that runs for longer than this occupies no lane any more, so that it does not hold up all other items. */
  readonly slowMs: number;
  /** How many such slow groups there may be. */
  readonly slowMax: number;
  readonly groupMax: number;
  /** Items beyond it are refused. */
  readonly waitingMax: number;
  /** Two lanes never run items with the same tag at the same time: one of them would only wait for the other's locks. */
  readonly tagsOf?: (item: Item) => readonly unknown[];
  /** Like a tag, and no group has two items with the same key. */
  readonly keyOf?: (item: Item) => unknown;
  /** Whether the fault of one item may have failed its whole group. Then each half of the group runs again by itself. */
  readonly isFaultOfItem: (error: unknown) => boolean;
  /**
   * Runs a group whole or not at all.
   * @param signal aborts when the callers of all items have left
   * @returns an outcome for each item, in the same order
   */
  readonly run: (items: readonly Item[], signal: AbortSignal) => Promise<readonly Outcome[]>;
}

/** Group commit: one run, such as a transaction, serves all items that arrived while the lanes were busy. */
export interface Grouping<Item, Outcome> {
  /**
   * A free lane takes the item at once, with all others that arrive in the same turn of the event loop.
   * @throws the signal's reason when it aborts; an item that still waits is then never run
   * @throws {RpcError} unavailable when too many items wait
   * @throws the error of its group
   */
  run(item: Item, signal: AbortSignal): Promise<Outcome>;
}

/** The call that an item belongs to. */
interface Caller {
  readonly span: Span | undefined;
  readonly inContext: <T>(run: () => T) => T;
  readonly signal: AbortSignal;
  /** Set while a group runs the item. */
  onLeave?: () => void;
}

interface Entry<Item, Outcome> extends Caller {
  readonly item: Item;
  readonly key: unknown;
  /** The key is one of them. */
  readonly tags: readonly unknown[];
  readonly settled: PromiseWithResolvers<Outcome>;
}

const RETRY_AFTER_MS = 1_000;

export function createGrouping<Item, Outcome>(options: GroupingOptions<Item, Outcome>): Grouping<Item, Outcome> {
  const {
    lanes,
    slowMs,
    slowMax,
    groupMax,
    waitingMax,
    tagsOf = () => [],
    keyOf = () => undefined,
    isFaultOfItem,
  } = options;
  type Own = Entry<Item, Outcome>;
  const waiting = new Set<Own>();
  const tagsInLanes = new Set<unknown>();
  let running = 0;
  let slow = 0;
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(fillLanes);
  }

  function fillLanes(): void {
    isScheduled = false;
    while (running < lanes) {
      const group = takeGroup();
      if (group.length === 0) return;
      void runLane(group);
    }
  }

  /** The oldest item passes its tags on to no younger item, so that it runs as soon as the lanes before it are done. */
  function takeGroup(): Own[] {
    const barred = new Set(tagsInLanes);
    const group: Own[] = [];
    let isOldest = true;
    for (const entry of waiting) {
      if (group.length === groupMax) break;
      if (!entry.tags.some((tag) => barred.has(tag))) {
        group.push(entry);
        if (entry.key !== undefined) barred.add(entry.key);
      } else if (isOldest) for (const tag of entry.tags) barred.add(tag);
      isOldest = false;
    }
    return group;
  }

  async function runLane(group: readonly Own[]): Promise<void> {
    const tags = group.flatMap((entry) => entry.tags);
    for (const entry of group) waiting.delete(entry);
    for (const tag of tags) tagsInLanes.add(tag);
    const leaveLane = enterLane();
    await settle(group);
    for (const tag of tags) tagsInLanes.delete(tag);
    leaveLane();
    schedule();
  }

  function enterLane(): () => void {
    let isSlow = false;
    running += 1;
    // A group that never ends must not keep a stopping process alive.
    let timer = setTimeout(freeLane, slowMs).unref();

    function freeLane(): void {
      if (slow === slowMax) {
        // A slow group may end before this one does.
        timer = setTimeout(freeLane, slowMs).unref();
        return;
      }
      isSlow = true;
      slow += 1;
      running -= 1;
      schedule();
    }

    return () => {
      clearTimeout(timer);
      if (isSlow) slow -= 1;
      else running -= 1;
    };
  }

  function settle(group: readonly Own[]): Promise<void> {
    return runInHalves(group, runPresent, isFaultOfItem, (failed, error) => {
      for (const { settled } of failed) settled.reject(error);
    });
  }

  async function runPresent(group: readonly Own[]): Promise<void> {
    const present = group.filter(({ signal }) => !signal.aborted);
    if (present.length === 0) return;
    const items = present.map(({ item }) => item);
    const outcomes = await runInTraceOf(present, () => options.run(items, followAll(present)));
    for (const [index, { settled }] of present.entries()) settled.resolve(outcomes[index] as Outcome);
  }

  return {
    async run(item, signal) {
      signal.throwIfAborted();
      if (waiting.size >= waitingMax) {
        throw new RpcError('unavailable', 'Too many calls wait for their turn', { retryAfterMs: RETRY_AFTER_MS });
      }
      const key = keyOf(item);
      const entry: Own = {
        item,
        key,
        tags: key === undefined ? tagsOf(item) : [...tagsOf(item), key],
        span: trace.getActiveSpan(),
        inContext: AsyncLocalStorage.snapshot(),
        settled: Promise.withResolvers(),
        signal,
      };
      const unfollow = onAbort(signal, () => {
        waiting.delete(entry);
        entry.settled.reject(signal.reason);
        entry.onLeave?.();
      });
      waiting.add(entry);
      schedule();
      try {
        return await entry.settled.promise;
      } finally {
        unfollow();
      }
    },
  };
}

/** Aborts once all callers have left. */
function followAll(callers: readonly Caller[]): AbortSignal {
  const all = new AbortController();
  let present = callers.length;
  for (const caller of callers) {
    caller.onLeave = () => {
      present -= 1;
      if (present === 0) all.abort(caller.signal.reason);
    };
  }
  return all.signal;
}

/** The spans of a group are children of one recorded call. The other calls have a link to that call. */
function runInTraceOf<T>(callers: readonly Caller[], run: () => T): T {
  const leader = callers.find(({ span }) => span?.isRecording()) ?? callers[0];
  const leading = leader?.span?.spanContext();
  for (const { span } of callers) if (leading && span !== leader?.span) span?.addLink({ context: leading });
  return leader ? leader.inContext(run) : run();
}
