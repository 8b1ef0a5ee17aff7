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
  /** Notes items that arrived, as many as there are by now. What was not noted would be delivered again. */
  readonly note: (items: readonly Item[]) => Promise<void>;
  /** Called when an item has arrived: another round has something to note, and perhaps to take. */
  readonly onArrival: () => void;
}

export interface Relay {
  /**
   * Notes what arrived since the round before, takes what there is room for and sets out to deliver it, without waiting for it:
   * so a slow delivery holds up no other.
   * @returns whether there may be more to take at once
   */
  round(signal: AbortSignal): Promise<boolean>;
  /** Waits for what is still under way and notes it: for the end, after the signal of the rounds has aborted. */
  settle(): Promise<void>;
}

/** Takes items out of a queue that several relays share, and delivers a bounded number side by side. */
export function createRelay<Item>({ inHandMax, claim, deliver, note, onArrival }: RelayOptions<Item>): Relay {
  const underWay = new Set<Promise<void>>();
  let arrived: Item[] = [];
  let failure: { readonly error: unknown } | undefined;

  async function noteArrived(): Promise<void> {
    if (arrived.length === 0) return;
    const items = arrived;
    arrived = [];
    try {
      await note(items);
    } catch (error) {
      arrived = [...items, ...arrived];
      throw error;
    }
  }

  function setOut(item: Item, signal: AbortSignal): void {
    const delivery = deliver(item, signal)
      .then(
        (isThere) => {
          if (!isThere) return;
          arrived.push(item);
          onArrival();
        },
        (error: unknown) => {
          failure = { error };
        },
      )
      .finally(() => underWay.delete(delivery));
    underWay.add(delivery);
  }

  return {
    async round(signal) {
      if (failure) {
        const { error } = failure;
        failure = undefined;
        throw error;
      }
      await noteArrived();
      const room = inHandMax - underWay.size - arrived.length;
      if (room <= 0) {
        await Promise.race(underWay);
        return true;
      }
      const items = await claim(room, signal);
      for (const item of items) setOut(item, signal);
      return items.length === room;
    },

    async settle() {
      await Promise.all(underWay);
      await noteArrived();
    },
  };
}
