import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { failuresInARow } from './background-metrics.ts';

export interface BackgroundOptions {
  readonly name: string;
  readonly logger: Logger;
  /** Shows whether rounds fail: `background_failures_in_a_row{background}`. */
  readonly registry?: Registry | undefined;
  /** Between the starts of two rounds, in milliseconds, so that many wakes at once cost one round. Default: 0. */
  readonly paceMs?: number;
  /** How long to rest when there was nothing to do, in milliseconds. */
  readonly idleMs: number;
  /**
   * One round of the work.
   * @returns whether there may be more to do at once
   */
  readonly round: (signal: AbortSignal) => Promise<boolean>;
}

export interface Background extends AsyncDisposable {
  /** Ends the rest early, because there is something to do now. */
  wake(): void;
}

/** Made once: an abort without a reason makes an exception with its stack, which costs more than all else of a wake. */
const WOKEN = new Error('there is something to do');

/** After a failed round the rest doubles up to this, so that a dead database is asked gently and found again soon. */
const REST_MAX_MS = 5_000;

/** Repeats a round of work until disposed; disposing waits for the round under way. A failed round is logged and repeated. */
export function startBackground({ name, logger, registry, paceMs = 0, idleMs, round }: BackgroundOptions): Background {
  const stop = new AbortController();
  let resting = new AbortController();
  let awake = false;
  let failures = 0;
  let startedAt = Number.NEGATIVE_INFINITY;
  const show = registry && failuresInARow(registry, name);

  async function rest(): Promise<void> {
    if (awake && failures === 0) return;
    resting = new AbortController();
    const signal = AbortSignal.any([stop.signal, resting.signal]);
    await sleep(Math.min(idleMs * 2 ** failures, Math.max(REST_MAX_MS, idleMs)), undefined, { signal }).catch(() => {});
  }

  async function loop(): Promise<void> {
    while (!stop.signal.aborted) {
      const pauseMs = startedAt + paceMs - performance.now();
      if (pauseMs > 0) await sleep(pauseMs, undefined, { signal: stop.signal }).catch(() => {});
      startedAt = performance.now();
      awake = false;
      let more = false;
      try {
        more = await round(stop.signal);
        failures = 0;
        show?.(failures);
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        show?.(failures);
        logger.error({ err: error, background: name, failures }, 'background work failed and will be tried again');
      }
      if (!more) await rest();
    }
  }

  const ended = loop();
  return {
    wake() {
      awake = true;
      // While rounds fail, events must not turn the growing rest into a hot loop.
      if (failures === 0) resting.abort(WOKEN);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}
