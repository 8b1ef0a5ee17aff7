/** Which programs a supervisor runs, and how. Plain data: it travels to a supervisor in another process. */
export type Plan = {
  /** They run to their end one after the other, before the others start. */
  preparations: Preparation[];
  /** All tiers start at once; they stop one after the other, the last one first. */
  tiers: Program[][];
  /** How long a stopping tier holds up the next one. Unset: until it has ended. */
  headStartMs?: number;
};

export type Command = {
  /** As the run record lists it. */
  name: string;
  /** As messages call it. */
  title: string;
  command: string;
  arguments: string[];
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** As `spawn` takes it. Unset: the supervisor's own output. */
  stdio?: ('ignore' | 'inherit' | 'ipc' | 'pipe')[];
  /** SIGKILL follows the last step. */
  stop: StopStep[];
};
export type StopStep = { signal: NodeJS.Signals; waitMs: number };

/** `renames` moves the result to its place, so that a killed preparation leaves no half of it there. */
export type Preparation = Command & { renames?: { from: string; to: string } };

export type Program = Command & {
  ready: Readiness;
  readyTimeoutMs: number;
  /** How often it may end before it is ready. Default: 1, and it is not started again. */
  startAttemptsMax?: number;
  /** How often it is started again when it ends later. Default: 0. */
  restartsMax?: number;
};

export type Readiness =
  | { when: 'port listens'; host: string; port: number }
  | { when: 'URL answers'; url: string }
  /** On standard output, which has to be a pipe. */
  | { when: 'line is printed'; text: string }
  | { when: 'cluster is ready'; directory: string };

/** All of a mesh has to be over within 5 s: callers wait for these in turn. */
export const STOP_STEPS = {
  /** A service finishes what it has begun, within a limit of its own that is shorter. */
  service: [{ signal: 'SIGTERM', waitMs: 1_500 }],
  /** pgbouncer keeps no state: it needs no time once the services have stopped. */
  pgbouncer: [{ signal: 'SIGTERM', waitMs: 400 }],
  /** A fast shutdown writes a checkpoint; the immediate one after it costs a recovery at the next start and no data. */
  postgres: [
    { signal: 'SIGINT', waitMs: 1_500 },
    { signal: 'SIGQUIT', waitMs: 500 },
  ],
  /** The system holds what Kafka has acknowledged: a killed broker loses none of it and recovers at its next start. */
  kafka: [{ signal: 'SIGTERM', waitMs: 2_500 }],
  preparation: [{ signal: 'SIGTERM', waitMs: 300 }],
  /** As long as the steps of Postgres and pgbouncer together, with SIGKILL after each. */
  supervisor: [{ signal: 'SIGTERM', waitMs: 4_500 }],
} satisfies Record<string, StopStep[]>;
