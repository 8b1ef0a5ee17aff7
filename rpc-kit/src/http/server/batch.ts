import { setImmediate as nextTurn } from 'node:timers/promises';

/** The answer to one call of a batch. */
export interface BatchAnswer {
  readonly text: string;
  /** Makes the refusal that replaces an evicted answer; without it, the answer is never evicted. */
  readonly evicted?: (() => string) | undefined;
}

/** Sends the beginning of an answer while the rest is still in flight. */
export type SendPart = (text: string) => void;

/** Most batches complete sooner and are sent whole; the shortest timeouts in use are ten times longer. */
const PART_MS = 20;

/** Calls of a batch start in one turn of the event loop until they have taken this long: fifty refusals take 10 ms together. */
const TURN_MS = 2;

/**
 * Answers the calls of a batch side by side.
 * @param answerOne gives `undefined` for a notification
 * @param sendPart when given, receives answers as they arrive
 * @returns the list as JSON text, or its rest; `undefined` without any answer
 */
export async function answerBatch(
  batch: readonly unknown[],
  answerOne: (request: unknown) => Promise<BatchAnswer | undefined>,
  bytesMax: number,
  sendPart: SendPart | undefined,
): Promise<string | undefined> {
  const answers = new BatchAnswers(bytesMax);
  const sending = sendPart && sendParts(answers, sendPart);
  try {
    await startInTurns(batch, async (request, index) => {
      const answer = await answerOne(request);
      if (answer) answers.put(index, answer);
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
  text: string;
  bytes: number;
  evicted: (() => string) | undefined;
  isTaken: boolean;
}

/**
 * The answers of one batch as JSON text within a byte limit. When an answer does not fit, the largest answers of reads are
 * evicted, so that the fewest callers have to call again. Answers of writes are never evicted and may exceed the limit.
 */
class BatchAnswers {
  readonly #bytesMax: number;
  readonly #slots: (Slot | undefined)[] = [];
  /** The two brackets, less the comma that is counted for each answer and not written behind the last one. */
  #bytes = 1;
  #hasBegun = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  put(index: number, { text, evicted }: BatchAnswer): void {
    const bytes = Buffer.byteLength(text) + 1;
    this.#slots[index] = { text, bytes, evicted, isTaken: false };
    this.#bytes += bytes;
    while (this.#bytes > this.#bytesMax && this.#evictLargest());
  }

  /** The next part of the list: every answer that has arrived and has not been taken, in the order of the calls; '' when none has. */
  take(): string {
    const texts: string[] = [];
    for (const slot of this.#slots) {
      if (!slot || slot.isTaken) continue;
      texts.push(slot.text);
      slot.isTaken = true;
      slot.text = '';
      slot.evicted = undefined;
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
    for (const slot of this.#slots) if (slot?.evicted && slot.bytes > (largest?.bytes ?? 0)) largest = slot;
    if (!largest?.evicted) return false;
    const text = largest.evicted();
    const bytes = Buffer.byteLength(text) + 1;
    largest.evicted = undefined;
    // An answer that is no longer than its refusal stays.
    if (bytes >= largest.bytes) return true;
    this.#bytes += bytes - largest.bytes;
    largest.text = text;
    largest.bytes = bytes;
    return true;
  }
}
