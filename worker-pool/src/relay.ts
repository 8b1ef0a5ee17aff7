export interface RelayOptions<Item> {
  /** Items in hand at a time: taken, and not yet noted as delivered. */
  readonly inHandMax: number;
  /** Takes at most `limit` items, which nobody else then has in hand. */
  readonly claim: (limit: number, signal: AbortSignal) => Promise<readonly Item[]>;
  /**
   * Delivers one item; deals with failures itself, and answers whether it arrived.
   * It should end soon after its signal aborts.
   */
  readonly deliver: (item: Item, signal: AbortSignal) => Promise<boolean>;
  /**
   * Notes items that arrived, as many as there are by now. What was not noted would be delivered again.
   * @returns whether that may have set free what waited behind them
   */
  readonly note: (items: readonly Item[]) => Promise<boolean>;
  /** Called when an item has arrived: another round has something to note, and perhaps to take. */
  readonly onArrival: () => void;
  /**
   * How long an item that has arrived waits for others to be noted with, in milliseconds: for where nobody waits for the note.
   * Default: not at all.
   */
  readonly gatherMs?: number;
  /**
   * After this time, in milliseconds, a round looks for items also where nobody said that there are any; others may have left
   * them. Default: every round looks.
   */
  readonly lookAgainMs?: number;
}

export interface Relay<Item> {
  /**
   * Notes what arrived since the round before, takes what there is room for and sets out to deliver it, without waiting for it:
   * so a slow delivery holds up no other.
   * @returns whether there may be more to take at once
   */
  round(signal: AbortSignal): Promise<boolean>;
  /** There is something to take: the next round looks for it. */
  expect(): void;
  /**
   * Room for items that are not there yet and will be in nobody else's hands; `undefined` where there is none, or where others
   * may have waited for longer.
   */
  reserve(count: number): Reservation<Item> | undefined;
  /** Waits for what is still under way and notes it: for the end, after the signal of the rounds has aborted. */
  settle(): Promise<void>;
}

export interface Reservation<Item> {
  /** Sets out to deliver them, and gives the room back that they do not need. */
  fill(items: readonly Item[]): void;
}

/** Takes items out of a queue that several relays share, and delivers a bounded number side by side. */
export function createRelay<Item>(options: RelayOptions<Item>): Relay<Item> {
  const { inHandMax, claim, deliver, note, onArrival, gatherMs = 0, lookAgainMs = 0 } = options;
  const underWay = new Set<Promise<void>>();
  let reserved = 0;
  let arrived: Item[] = [];
  let gathering: NodeJS.Timeout | undefined;
  let failure: { readonly error: unknown } | undefined;
  let isExpecting = true;
  let lookedAt = Number.NEGATIVE_INFINITY;
  /** Of the rounds: what is handed over between them lasts as long as they do. */
  let running: AbortSignal | undefined;

  const room = (): number => inHandMax - underWay.size - arrived.length - reserved;

  function arrive(item: Item): void {
    arrived.push(item);
    if (gatherMs === 0) onArrival();
    else
      gathering ??= setTimeout(() => {
        gathering = undefined;
        onArrival();
      }, gatherMs);
  }

  async function noteArrived(): Promise<boolean> {
    if (arrived.length === 0) return false;
    const items = arrived;
    arrived = [];
    try {
      return await note(items);
    } catch (error) {
      arrived = [...items, ...arrived];
      throw error;
    }
  }

  function setOut(item: Item, signal: AbortSignal): void {
    const delivery = deliver(item, signal)
      .then(
        (isThere) => {
          if (isThere) arrive(item);
        },
        (error: unknown) => {
          failure = { error };
        },
      )
      .finally(() => underWay.delete(delivery));
    underWay.add(delivery);
  }

  async function take(count: number, signal: AbortSignal): Promise<boolean> {
    // Whoever expects more while this looks may have left it behind its back.
    isExpecting = false;
    lookedAt = performance.now();
    // What comes of the look has its room, too.
    reserved += count;
    try {
      const items = await claim(count, signal);
      for (const item of items) setOut(item, signal);
      isExpecting ||= items.length === count;
    } catch (error) {
      isExpecting = true;
      throw error;
    } finally {
      reserved -= count;
    }
    return isExpecting;
  }

  return {
    async round(signal) {
      running = signal;
      if (failure) {
        const { error } = failure;
        failure = undefined;
        throw error;
      }
      if (await noteArrived()) isExpecting = true;
      if (!isExpecting && performance.now() - lookedAt < lookAgainMs) return false;
      // Where nothing is known to wait, the look leaves room for what is handed over meanwhile.
      const count = isExpecting ? room() : Math.ceil(room() / 2);
      if (count > 0) return take(count, signal);
      // All the room is kept for what is not there yet: its arrival, or another look, goes on.
      if (underWay.size === 0) return false;
      await Promise.race(underWay);
      return true;
    },

    expect() {
      isExpecting = true;
    },

    reserve(count) {
      const signal = running;
      // What has waited for longer goes first.
      if (!signal || signal.aborted || isExpecting || room() < count) return undefined;
      reserved += count;
      let isOpen = true;
      return {
        fill(items) {
          if (!isOpen) throw new Error('a reservation is filled once');
          isOpen = false;
          reserved -= count;
          for (const item of items) setOut(item, signal);
        },
      };
    },

    async settle() {
      await Promise.all(underWay);
      clearTimeout(gathering);
      await noteArrived();
    },
  };
}
