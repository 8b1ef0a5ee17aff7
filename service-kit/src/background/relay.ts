export interface RelayOptions<Item, Receipt> {
  /** Items in flight at a time: claimed, and not yet delivered. */
  readonly inFlightMax: number;
  /**
   * Acknowledges deliveries, and claims at most `limit` items, which then belong to this relay alone. An item that is not
   * acknowledged is delivered again when its claim has expired.
   */
  readonly advance: (receipts: readonly Receipt[], limit: number, signal: AbortSignal) => Promise<Claim<Item>>;
  /**
   * Delivers one item. Deals with failures itself, and ends soon after its signal aborts.
   * @returns the receipt to acknowledge
   */
  readonly deliver: (item: Item, signal: AbortSignal) => Promise<Receipt | undefined>;
  /** Called when a delivery has ended: another round has something to do. */
  readonly onDelivered: () => void;
}

export interface Claim<Item> {
  readonly items: readonly Item[];
  /** Whether there may be more to claim at once; or in how many milliseconds more is due. */
  readonly more: boolean | number;
}

export interface Relay {
  /**
   * Acknowledges the deliveries since the round before, claims as many items as may be in flight, and starts to deliver
   * them. It does not wait for a delivery, so a slow one holds up no other.
   * @returns whether there may be more to claim at once; or in how many milliseconds more is due
   */
  round(signal: AbortSignal): Promise<boolean | number>;
  /** For the end: waits for deliveries in flight, and acknowledges them. */
  settle(signal: AbortSignal): Promise<void>;
}

/** Moves items out of a queue that several relays share, a bounded number side by side. */
export function createRelay<Item, Receipt>(options: RelayOptions<Item, Receipt>): Relay {
  const { inFlightMax, advance, deliver, onDelivered } = options;
  const inFlight = new Set<Promise<void>>();
  let receipts: Receipt[] = [];
  let failure: { readonly error: unknown } | undefined;

  function start(item: Item, signal: AbortSignal): void {
    const delivery = deliver(item, signal)
      .then(
        (receipt) => {
          if (receipt !== undefined) receipts.push(receipt);
        },
        (error: unknown) => {
          failure = { error };
        },
      )
      .then(() => {
        inFlight.delete(delivery);
        onDelivered();
      });
    inFlight.add(delivery);
  }

  async function acknowledgeAndClaim(limit: number, signal: AbortSignal): Promise<Claim<Item>> {
    const acknowledged = receipts;
    receipts = [];
    try {
      return await advance(acknowledged, limit, signal);
    } catch (error) {
      receipts = [...acknowledged, ...receipts];
      throw error;
    }
  }

  return {
    async round(signal) {
      if (failure) {
        const { error } = failure;
        failure = undefined;
        throw error;
      }
      const limit = inFlightMax - inFlight.size;
      // The end of a delivery wakes the next round.
      if (limit === 0 && receipts.length === 0) return false;
      const { items, more } = await acknowledgeAndClaim(limit, signal);
      for (const item of items) start(item, signal);
      return more;
    },

    async settle(signal) {
      await Promise.all(inFlight);
      if (receipts.length > 0) await acknowledgeAndClaim(0, signal);
    },
  };
}
