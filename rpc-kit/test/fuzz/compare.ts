import { startProcess } from 'benchmarks/process';
import { toComparable } from './comparable.ts';
import { type Conversation, createConversation, isComparable } from './conversation.ts';
import { converse } from './converse.ts';

export interface CompareOptions {
  /** The program of the server that answers as it should: `server.ts` of an earlier build. */
  readonly before: URL;
  readonly conversations: number;
  readonly seed: number;
  /** Stops after this time, however many conversations there were. */
  readonly timeMsMax: number;
  readonly onProgress?: (compared: number) => void;
}

export interface Comparison {
  readonly compared: number;
  /** Answers by status, of the server of now. */
  readonly byStatus: ReadonlyMap<string, number>;
  readonly differences: readonly Difference[];
}

export interface Difference {
  readonly index: number;
  readonly sent: string;
  readonly before: string;
  readonly now: string;
}

/** Conversations at a time. */
const CONCURRENCY = 16;
/** After so long without a byte, a server is taken to wait for us. */
const QUIET_MS = 40;
/** When a conversation is had again. */
const QUIET_AGAIN_MS = 250;
/** Answers may depend on the moment: two builds differ when none of so many answers of one is among those of the other. */
const AGAIN_TIMES = 12;
/** Conversations that are had again. More than so many differ by a fault that a few of them show. */
const SUSPECTS_MAX = 60;

/** Has the same mutated conversations with two builds of the server, and reports where their answers differ. */
export async function compareBuilds(options: CompareOptions): Promise<Comparison> {
  const { before, conversations, seed, timeMsMax, onProgress } = options;
  await using earlier = startProcess(before, [], ['--expose-gc']);
  await using current = startProcess(new URL('server.ts', import.meta.url), [], ['--expose-gc']);
  const ports: Ports = [await earlier.ask<number>('port'), await current.ask<number>('port')];
  const byStatus = new Map<string, number>();
  const suspects: number[] = [];
  const until = performance.now() + timeMsMax;
  let next = 0;
  let compared = 0;

  async function worker(): Promise<void> {
    while (next < conversations && suspects.length < SUSPECTS_MAX && performance.now() < until) {
      const index = next++;
      const conversation = createConversation(seed, index);
      if (!isComparable(conversation)) continue;
      let [expected, given] = await converseWithBoth(ports, conversation, QUIET_MS);
      if (toComparable(expected) !== toComparable(given)) {
        // A server that answers later than that, under load.
        [expected, given] = await converseWithBoth(ports, conversation, QUIET_AGAIN_MS);
        if (toComparable(expected) !== toComparable(given)) suspects.push(index);
      }
      compared++;
      for (const [, status = ''] of given.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
        byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      }
      if (compared % 1_000 === 0) onProgress?.(compared);
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  const differences: Difference[] = [];
  for (const index of suspects) {
    const difference = await differenceOf(ports, createConversation(seed, index));
    if (difference) differences.push({ index, ...difference });
  }
  return { compared, byStatus, differences };
}

/** The port of the earlier server, and of that of now. */
type Ports = readonly [earlier: number, current: number];

function converseWithBoth([earlier, current]: Ports, conversation: Conversation, quietMs: number) {
  return Promise.all([converse(earlier, conversation, quietMs), converse(current, conversation, quietMs)]);
}

async function differenceOf(ports: Ports, conversation: Conversation): Promise<Omit<Difference, 'index'> | undefined> {
  const before = new Set<string>();
  const now = new Set<string>();
  for (let times = 0; times < AGAIN_TIMES; times++) {
    // By turns first: of two processes on a busy machine, the first one may always find the parts of a request apart.
    const isSwapped = times % 2 === 1;
    const heard = await converseWithBoth(isSwapped ? [ports[1], ports[0]] : ports, conversation, QUIET_AGAIN_MS);
    before.add(toComparable(heard[isSwapped ? 1 : 0]));
    now.add(toComparable(heard[isSwapped ? 0 : 1]));
    if (!before.isDisjointFrom(now)) return undefined;
  }
  const sent = conversation.steps.map(({ parts }) => Buffer.concat(parts).toString('latin1')).join('⏎');
  return { sent, before: [...before].join('\nor\n'), now: [...now].join('\nor\n') };
}
