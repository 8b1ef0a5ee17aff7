import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Gauge, type Registry } from 'prom-client';
import { RpcError } from 'rpc-kit';

export interface BackgroundOptions {
  readonly name: string;
  readonly logger: Logger;
  /** Receives `background_failures_in_a_row{background}`. */
  readonly registry?: Registry | undefined;
  /** Minimum time between the starts of the last round and the next, in milliseconds, so that many wakes cost one round. Default: 0. */
  readonly paceMs?: () => number;
  /** Pause after a round without work, in milliseconds. */
  readonly idleMs: number;
  /** The pause doubles with each further round without work, up to this, until a round has work or is woken. Default: `idleMs`. */
  readonly idleMaxMs?: number;
  /**
   * One round of the work.
   * @returns whether there may be more to do at once; or in how many milliseconds more is due
   */
  readonly round: (signal: AbortSignal) => Promise<boolean | number>;
}

export interface Background extends AsyncDisposable {
  /** Ends the pause early, because there is work. */
  wake(): void;
}

/** Created once: an abort without a reason creates an exception with a stack, which would dominate the cost of a wake. */
const WOKEN = new Error('there is work');

/** Base of the back-off after failed rounds, unless the pause is shorter: most failures, as of a lost connection, are over soon. */
const BACKOFF_BASE_MS = 100;
/** Maximum back-off after failed rounds: rare enough for a dead database, and short enough to notice its return. */
const BACKOFF_MAX_MS = 5_000;

/** Repeats a round of work until disposed; disposing waits for the round in flight. A failed round is logged and retried. */
export function startBackground(options: BackgroundOptions): Background {
  const { name, logger, registry, paceMs = () => 0, round } = options;
  const stop = new AbortController();
  let pausing = new AbortController();
  let isWoken = false;
  let failures = 0;
  let idleRounds = 0;
  let startedAt = Number.NEGATIVE_INFINITY;
  const show = registry && failuresInARow(registry, name);

  async function pause(dueMs: number): Promise<void> {
    if (isWoken && failures === 0) return;
    pausing = new AbortController();
    const signal = AbortSignal.any([stop.signal, pausing.signal]);
    await sleep(pauseMs({ failures, idleRounds, dueMs }, options), undefined, { signal }).catch(() => {});
  }

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      const waitMs = startedAt + paceMs() - performance.now();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: stop.signal }).catch(() => {});
      startedAt = performance.now();
      if (isWoken) idleRounds = 0;
      isWoken = false;
      let more: boolean | number = false;
      try {
        more = await round(stop.signal);
        failures = 0;
        show?.(failures);
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        show?.(failures);
        logFailure(logger, error, { background: name, failures });
      }
      if (more === true) idleRounds = 0;
      else {
        await pause(more === false ? Number.POSITIVE_INFINITY : more);
        idleRounds += 1;
      }
    }
  }

  const ended = loop();
  return {
    wake() {
      isWoken = true;
      // While rounds fail, wakes must not defeat the back-off.
      if (failures === 0) pausing.abort(WOKEN);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

interface PauseState {
  /** Rounds that failed in a row. */
  readonly failures: number;
  /** Rounds in a row before this one that had no work. */
  readonly idleRounds: number;
  /** Until more is due. */
  readonly dueMs: number;
}

/** The pause after a round, in milliseconds. */
export function pauseMs(
  { failures, idleRounds, dueMs }: PauseState,
  { idleMs, idleMaxMs = idleMs }: Pick<BackgroundOptions, 'idleMs' | 'idleMaxMs'>,
): number {
  if (failures === 0) return Math.min(idleMs * 2 ** idleRounds, idleMaxMs, dueMs);
  return Math.min(Math.min(idleMs, BACKOFF_BASE_MS) * 2 ** failures, Math.max(BACKOFF_MAX_MS, idleMs));
}

/** A peer that is unavailable, as at a start, takes one line: a stack would say nothing more. */
function logFailure(logger: Logger, error: unknown, fields: object): void {
  const message = 'background work failed and will be retried';
  if (!(error instanceof RpcError && error.code === 'unavailable')) logger.error({ ...fields, err: error }, message);
  else logger.warn({ ...fields, why: error.message }, message);
}

const FAILURES = 'background_failures_in_a_row';

/** All background work of a process shares one gauge. */
function failuresInARow(registry: Registry, background: string): (failures: number) => void {
  const existing = registry.getSingleMetric(FAILURES) as Gauge | undefined;
  const help = 'Rounds of background work that failed since the last one that went well, by work.';
  const gauge = existing ?? new Gauge({ name: FAILURES, help, labelNames: ['background'], registers: [registry] });
  const series = gauge.labels({ background });
  series.set(0);
  return (failures) => series.set(failures);
}
