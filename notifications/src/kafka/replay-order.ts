import type { Context, Sink } from '../domain/ports.ts';
import { type Outcome, takeEventOf } from './consume-batch.ts';
import type { ConsumerRepositories, ConsumerStore, DeadLetter, Message } from './ports.ts';

export type Reading = Pick<Message, 'content' | 'process' | 'within'>;

export interface ReplayPorts {
  readonly store: ConsumerStore;
  readonly sink: Sink;
  /** What a letter says, as messages are read today. */
  readonly read: (letter: DeadLetter) => Reading;
}

/** A letter and what became of it. */
export interface Replayed {
  readonly letter: DeadLetter;
  readonly outcome: 'taken' | 'taken before' | 'stays dead';
}

/**
 * Feeds the dead letters of an order in again, in one transaction, by seq: where events had come in a wrong order, that mends
 * it. What still cannot be taken stays, and says why.
 */
export async function replayOrder(ports: ReplayPorts, orderID: bigint, context: Context): Promise<Replayed[]> {
  const results = await ports.store.transaction(async (repositories) => {
    const letters = await repositories.deadLetters.lock(orderID);
    const readings = letters.map((letter) => ({ letter, ...ports.read(letter) }));
    const results = [];
    for (const { letter, ...reading } of readings.toSorted((a, b) => (turnOf(a) < turnOf(b) ? -1 : 1))) {
      results.push({ letter, reading, outcome: await replay(repositories, letter, reading) });
    }
    return results;
  }, context);
  const replayed: Replayed[] = [];
  for (const { letter, reading, outcome } of results) {
    if (outcome === undefined) replayed.push({ letter, outcome: 'taken before' });
    else if ('notification' in outcome) {
      await reading.within(() => ports.sink.send(outcome.notification));
      replayed.push({ letter, outcome: 'taken' });
    } else replayed.push({ letter: { ...letter, ...outcome }, outcome: 'stays dead' });
  }
  return replayed;
}

async function replay(
  { notifications, deadLetters }: ConsumerRepositories,
  letter: DeadLetter,
  { content, process }: Reading,
): Promise<Outcome> {
  const outcome =
    'event' in content ? await process((trace) => takeEventOf({ notifications }, content.event, trace)) : content;
  if (outcome && 'reason' in outcome) await deadLetters.explain({ ...letter, ...outcome });
  else await deadLetters.remove(letter);
  return outcome;
}

/** What cannot be read has no place among the others, and holds up none of them. */
function turnOf({ content }: Reading): number {
  return 'event' in content ? content.event.seq : Number.POSITIVE_INFINITY;
}
