import { setImmediate as nextTurn } from 'node:timers/promises';

/** Sends the beginning of an answer while the rest is still in flight. */
export type SendPart = (text: string) => void;

/** Most batches complete sooner and are sent whole; the shortest timeouts in use are ten times longer. */
const PART_MS = 20;

/** Calls of a batch start in one turn of the event loop until they have taken this long: fifty refusals take 10 ms together. */
const TURN_MS = 2;

export interface BatchOptions {
  /** Gives `undefined` for a notification. Never rejects. */
  readonly answerOne: (request: unknown) => Promise<string | undefined>;
  /** Makes the refusal that replaces an answer for which there is no room; `undefined` when the answer has to stay. */
  readonly evicted: (request: unknown) => string | undefined;
  readonly bytesMax: number;
  /** When given, receives answers as they arrive. */
  readonly sendPart: SendPart | undefined;
}

/**
 * Answers the calls of a batch side by side.
 * @returns the list as JSON text, or its rest; `undefined` without any answer
 */
export async function answerBatch(batch: readonly unknown[], options: BatchOptions): Promise<string | undefined> {
  const { answerOne, evicted, bytesMax, sendPart } = options;
  const answers = new BatchAnswers(bytesMax, (index) => evicted(batch[index]));
  const sending = sendPart && sendParts(answers, sendPart);
  try {
    await startInTurns(batch, async (request, index) => {
      const text = await answerOne(request);
      if (text !== undefined) answers.put(index, text);
    });
  } finally {
    clearInterval(sending);
  }
  return answers.takeRest();
}

function sendParts(answers: BatchAnswers, sendPart: SendPart): NodeJS.Timeout {
  return setInterval(() => {
    const part = answers.take();
    if (part !== '') sendPart(part);
  }, PART_MS);
}

/** Starts the calls of a batch, and resolves once all of them are answered. */
async function startInTurns(
  batch: readonly unknown[],
  answerInto: (request: unknown, index: number) => Promise<void>,
): Promise<void> {
  const answered: Promise<void>[] = [];
  let turnEndsAt = performance.now() + TURN_MS;
  for (const [index, request] of batch.entries()) {
    if (performance.now() > turnEndsAt) {
      await nextTurn();
      turnEndsAt = performance.now() + TURN_MS;
    }
    answered.push(answerInto(request, index));
  }
  await Promise.all(answered);
}

interface Slot {
  readonly index: number;
  text: string;
  bytes: number;
  /** The answer was not sent, and may be evicted. */
  isOpen: boolean;
}

/**
 * The answers of one batch as JSON text within a byte limit. When an answer does not fit, the largest answers of reads are
 * evicted, so that the fewest callers have to call again. Answers of writes are never evicted and may exceed the limit.
 */
class BatchAnswers {
  readonly #bytesMax: number;
  readonly #evicted: (index: number) => string | undefined;
  readonly #slots: (Slot | undefined)[] = [];
  /** The two brackets, less the comma that is counted for each answer and not written behind the last one. */
  #bytes = 1;
  #hasBegun = false;

  constructor(bytesMax: number, evicted: (index: number) => string | undefined) {
    this.#bytesMax = bytesMax;
    this.#evicted = evicted;
  }

  put(index: number, text: string): void {
    const bytes = Buffer.byteLength(text) + 1;
    this.#slots[index] = { index, text, bytes, isOpen: true };
    this.#bytes += bytes;
    while (this.#bytes > this.#bytesMax && this.#evictLargest());
  }

  /** The next part of the list: every answer that has arrived and has not been taken, in the order of the calls; '' when none has. */
  take(): string {
    const texts: string[] = [];
    for (const slot of this.#slots) {
      if (!slot || slot.text === '') continue;
      texts.push(slot.text);
      slot.text = '';
      slot.isOpen = false;
    }
    if (texts.length === 0) return '';
    const opening = this.#hasBegun ? ',' : '[';
    this.#hasBegun = true;
    return opening + texts.join(',');
  }

  /** The rest of the list; `undefined` without any answer. */
  takeRest(): string | undefined {
    const rest = this.take();
    return this.#hasBegun ? `${rest}]` : undefined;
  }

  /** @returns whether there was an answer left to evict */
  #evictLargest(): boolean {
    let largest: Slot | undefined;
    for (const slot of this.#slots) if (slot?.isOpen && slot.bytes > (largest?.bytes ?? 0)) largest = slot;
    if (!largest) return false;
    largest.isOpen = false;
    const text = this.#evicted(largest.index);
    const bytes = Buffer.byteLength(text ?? '') + 1;
    // An answer that is no longer than its refusal stays.
    if (text === undefined || bytes >= largest.bytes) return true;
    this.#bytes += bytes - largest.bytes;
    largest.text = text;
    largest.bytes = bytes;
    return true;
  }
}
