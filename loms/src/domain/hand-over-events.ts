import type { Relay, Reservation } from 'worker-pool';
import type { EventChains, Fate } from './event-chains.ts';
import type { ClaimedEvent, Handover, OrderEvent } from './ports.ts';

/** An event in the hands of this process. */
export interface HeldEvent {
  readonly event: ClaimedEvent;
  /** What becomes of the one before it, where that is in hand here as well; asked for when it is this one's turn. */
  readonly before?: () => Fate | undefined;
}

export interface HandoverParts {
  readonly relay: Pick<Relay<HeldEvent>, 'reserve' | 'expect'>;
  readonly chains: EventChains;
  readonly leaseMs: number;
  /** Where no event can be delivered right now, none is taken either. */
  readonly isAway: () => boolean;
  /** Told when events are there that have to be looked for. */
  readonly onWork: () => void;
}

interface Place {
  readonly reservation: Reservation<HeldEvent>;
  readonly before: Fate | undefined;
  readonly held: HeldEvent[];
}

/**
 * An event may be taken as it is written where all earlier ones of its order are delivered or in hand here: the first of an
 * order, one that follows what is in hand, or, as the statement that writes it finds out, one that finds none waiting. Whoever
 * writes it has locked its order, so no other one can come between.
 */
export function createHandover({ relay, chains, leaseMs, isAway, onWork }: HandoverParts): Handover {
  let places: Place[] = [];
  let asked: Place | undefined;
  let hasFree = false;

  return {
    leaseMs,

    ask(orderID, seq, count) {
      const reservation = isAway() ? undefined : relay.reserve(count);
      if (!reservation) return 'free';
      // Held on to from here: it may have failed, and be forgotten, by the time of the commit.
      const before = chains.before(orderID, seq);
      asked = { reservation, before, held: [] };
      places.push(asked);
      return seq === 1 || before ? 'taken' : 'taken if first';
    },

    wrote(events, isTaken) {
      if (isTaken) asked?.held.push(...hold(events, asked.before));
      else hasFree = true;
      asked = undefined;
    },

    commit() {
      for (const { reservation, held } of places) reservation.fill(held);
      places = [];
      if (!hasFree) return;
      relay.expect();
      onWork();
    },

    drop() {
      for (const { reservation } of places) reservation.fill([]);
      places = [];
      asked = undefined;
      hasFree = false;
    },
  };

  function hold(events: readonly OrderEvent[], before: Fate | undefined): HeldEvent[] {
    return events.map((event, index) => ({
      event: { ...event, attempts: 1 },
      // The others follow the one that was set out with just before them.
      before: () => (index === 0 ? before : chains.before(event.orderID, event.seq)),
    }));
  }
}
