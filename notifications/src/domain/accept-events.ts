import { type AcceptEventPorts, acceptEvent } from './accept-event.ts';
import type { Context, OrderEvent } from './ports.ts';
import { Refusal, type Refused } from './refusal.ts';

export interface AcceptEventsPorts extends AcceptEventPorts {
  /** Whether the database refused the data, so that a retry fails too. */
  readonly isFaultOfData: (error: unknown) => boolean;
}

export interface RefusedEvent {
  readonly eventID: string;
  readonly reason: Refused['reason'] | 'failed';
  readonly message: string;
}

/**
 * Accepts events of many orders. An event that is refused also refuses the later ones of its order, and no other.
 * @param events those of one order ascending by seq
 */
export async function acceptEvents(
  ports: AcceptEventsPorts,
  events: readonly OrderEvent[],
  context: Context,
): Promise<RefusedEvent[]> {
  const refused: RefusedEvent[] = [];
  for (const ofOrder of Map.groupBy(events, ({ orderID }) => orderID).values()) {
    let isRefused = false;
    for (const event of ofOrder) {
      const refusal = isRefused ? BEHIND : await acceptOrRefuse(ports, event, context);
      if (!refusal) continue;
      isRefused = true;
      refused.push({ eventID: event.eventID, ...refusal });
    }
  }
  return refused;
}

type Why = Omit<RefusedEvent, 'eventID'>;

const BEHIND: Why = { reason: 'out_of_order', message: 'an earlier event of the order in this batch was refused' };

async function acceptOrRefuse(ports: AcceptEventsPorts, event: OrderEvent, context: Context): Promise<Why | undefined> {
  try {
    await acceptEvent(ports, event, context);
    return undefined;
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.reason, message: error.message };
    if (ports.isFaultOfData(error)) return { reason: 'failed', message: 'the database refuses the data of the event' };
    throw error;
  }
}
