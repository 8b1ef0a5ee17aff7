import { getHeapStatistics } from 'node:v8';

/** What a process of the benchmark answers, by the question's name. */
export type Answers = Readonly<Record<string, (argument: never) => unknown>>;

export interface Question {
  readonly id: number;
  readonly what: string;
  readonly argument: unknown;
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** The other end of `process.ts`: answers the questions that the benchmark asks one of its processes over IPC. */
export function answerTo(answers: Answers): void {
  const send = (reply: Reply): void => {
    process.send?.(reply);
  };
  process.on('message', async ({ id, what, argument }: Question) => {
    try {
      send({ id, value: await answers[what]?.(argument as never) });
    } catch (error) {
      send({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
  // The benchmark has ended or crashed.
  process.on('disconnect', () => process.exit());
}

/**
 * Microseconds of CPU time that this process has used, all threads. On Linux the sum of both is the scheduler's count of nanoseconds
 * (schedstat), which is exact also for the thread that runs, while /proc shows that thread's as of the last tick.
 */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Bytes that V8 has allocated on its heap since the process started, freed ones included. */
export function allocatedBytes(): number {
  return getHeapStatistics().total_allocated_bytes;
}
