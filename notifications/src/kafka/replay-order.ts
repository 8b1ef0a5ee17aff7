import type { Announce, Context } from '../domain/ports.ts';
import { type Outcome, storeEvent } from './consume-batch.ts';
import type { ConsumerRepositories, ConsumerStore, DeadLetter, Message } from './ports.ts';

export type Reading = Pick<Message, 'content' | 'process' | 'within'>;

export interface ReplayPorts {
  readonly store: ConsumerStore;
  readonly announce: Announce;
  /** Reads the message of a letter as new messages are read. */
  readonly read: (letter: DeadLetter) => Reading;
}

export interface Replayed {
  readonly letter: DeadLetter;
  readonly outcome: 'taken' | 'taken before' | 'stays dead';
}

/**
 * Stores the events of an order's dead letters by seq, in one transaction, which repairs events that arrived in a wrong order.
 * A letter that still cannot be stored stays, with its new reason.
 */
export async function replayOrder(ports: ReplayPorts, orderID: bigint, context: Context): Promise<Replayed[]> {
  const results = await ports.store.transaction(async (repositories) => {
    const letters = await repositories.deadLetters.lock(orderID);
    const readings = letters.map((letter) => ({ letter, reading: ports.read(letter) }));
    const results = [];
    for (const { letter, reading } of readings.toSorted((a, b) => (seqOf(a.reading) < seqOf(b.reading) ? -1 : 1))) {
      results.push({ letter, reading, outcome: await replay(repositories, letter, reading) });
    }
    return results;
  }, context);
  return results.map(({ letter, reading, outcome }): Replayed => {
    if (outcome === 'repeated') return { letter, outcome: 'taken before' };
    if (!('notification' in outcome)) return { letter: { ...letter, ...outcome }, outcome: 'stays dead' };
    reading.within(() => ports.announce(outcome.notification));
    return { letter, outcome: 'taken' };
  });
}

async function replay(
  { notifications, deadLetters }: ConsumerRepositories,
  letter: DeadLetter,
  { content, process }: Reading,
): Promise<Outcome> {
  const outcome =
    'event' in content ? await process((trace) => storeEvent(notifications, content.event, trace)) : content;
  if (outcome !== 'repeated' && 'reason' in outcome) await deadLetters.explain({ ...letter, ...outcome });
  else await deadLetters.remove(letter);
  return outcome;
}

/** Unreadable letters come last and block no other. */
function seqOf({ content }: Reading): number {
  return 'event' in content ? content.event.seq : Number.POSITIVE_INFINITY;
}
