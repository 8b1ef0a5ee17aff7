import { createRandom } from './random.ts';
import { createShot } from './shot.ts';

/** What one client sends on one connection that it keeps. */
export interface Conversation {
  /** Sent one after the other. The client waits for the answers of one, as far as there are any, before it sends the next. */
  readonly steps: readonly Step[];
  /** Whether the client closes its side right after the last byte, or once nothing has come for a while. */
  readonly halfCloses: boolean;
}

export interface Step {
  /** Pipelined. */
  readonly requests: number;
  /** Written one by one. */
  readonly parts: readonly Buffer[];
}

/** The conversation of that number: of one seed always the same. */
export function createConversation(seed: number, index: number): Conversation {
  const random = createRandom(Math.imul(seed, 0x85ebca6b) + index);
  const count = 1 + random.below(3);
  const steps = Array.from({ length: count }, (_, step): Step => {
    const { requests, parts } = createShot(seed, index * STEPS_MAX + step);
    const isLast = step === count - 1;
    let text = Buffer.concat(parts).toString('latin1');
    // Every shot of the fuzz asks for the end of its connection.
    if (!isLast || random.chance(0.7)) text = text.replaceAll('Connection: close\r\n', '');
    if (random.chance(0.3)) text = inParts(text);
    const bytes = Buffer.from(text, 'latin1');
    return { requests, parts: split(bytes, random.chance(0.5) ? 1 + random.below(4) : 0, random.below) };
  });
  return { steps, halfCloses: random.chance(0.5) };
}

const STEPS_MAX = 4;

/** Answers come in parts where one call of a batch takes longer than the others. The length stays the same. */
function inParts(text: string): string {
  return text
    .replaceAll(TYPE, `${TYPE}X-Batch-Answers: as-they-come\r\n`)
    .replace('"method":"greeting"', '"method":"never"   ');
}

const TYPE = 'Content-Type: application/json\r\n';

function split(bytes: Buffer, cuts: number, below: (bound: number) => number): Buffer[] {
  const places = Array.from({ length: cuts }, () => below(bytes.length + 1)).toSorted((one, other) => one - other);
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length));
}

/**
 * Whether the answers do not depend on time: metrics count what was sent before, and a deadline of a millisecond expires in one
 * build and not in the other.
 */
export function isComparable({ steps }: Conversation): boolean {
  return !steps.some(({ parts }) => TIMED.test(Buffer.concat(parts).toString('latin1')));
}

const TIMED = /\/metrics|X-Deadline-Ms: 1\r/i;
