export interface Pace {
  readonly perSecond: number;
  readonly seconds: number;
}

export interface OpenLoop extends Pace {
  /** Each does one piece of work at a time, and resolves to whether it succeeded. It gets the time at which the work was due. */
  readonly lanes: readonly ((dueAt: number) => Promise<boolean>)[];
  /** Ends the loop early; work in progress is awaited. */
  readonly over?: AbortSignal;
  /** @param ms since the work was due, so the wait for a lane counts */
  onEnd(succeeded: boolean, ms: number): void;
}

export interface Offered {
  /** Pieces of work that were due. */
  readonly offered: number;
  /** Never started: too many waited for a lane, or the loop ended early. */
  readonly dropped: number;
  /** By Date.now(): the times at which the first and the last work was due. */
  readonly from: number;
  readonly to: number;
}

/** Work that waits for a lane. Behind by so much, the services do not keep up, and more would only fill memory. */
const WAITING_MAX = 20_000;
/** Less than the pace needs at a thousand a second, so that work becomes due piece by piece. */
const TICK_MS = 1;

/** Offers work at a steady pace, whatever time it takes: slow work delays nothing but itself, until all lanes are busy. */
export async function openLoop({ lanes, perSecond, seconds, over, onEnd }: OpenLoop): Promise<Offered> {
  const idle = [...lanes];
  const waiting: number[] = [];
  const running = new Set<Promise<void>>();
  let dropped = 0;

  const run = async (lane: (dueAt: number) => Promise<boolean>, first: number): Promise<void> => {
    for (let dueAt: number | undefined = first; dueAt !== undefined; dueAt = waiting.shift()) {
      const succeeded = await lane(dueAt);
      onEnd(succeeded, performance.now() - dueAt);
    }
    idle.push(lane);
  };
  const offer = (dueAt: number): void => {
    const lane = idle.pop();
    if (lane !== undefined) {
      const work = run(lane, dueAt).finally(() => running.delete(work));
      running.add(work);
    } else if (waiting.length < WAITING_MAX) waiting.push(dueAt);
    else dropped++;
  };

  const total = Math.floor(perSecond * seconds);
  const from = Date.now();
  const startedAt = performance.now();
  let offered = 0;
  for (; offered < total && !over?.aborted; await tick()) {
    const due = Math.min(total, 1 + Math.floor(((performance.now() - startedAt) * perSecond) / 1_000));
    for (; offered < due; offered++) offer(startedAt + (offered * 1_000) / perSecond);
  }
  const to = Date.now();
  if (over?.aborted) dropped += waiting.splice(0).length;
  await Promise.all(running);
  return { offered, dropped, from, to };
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, TICK_MS));
}
