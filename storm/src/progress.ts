import type { Figures } from './figures.ts';

export interface Progress extends Disposable {}

interface ProgressOptions {
  readonly output: NodeJS.WriteStream;
  readonly figures: Figures;
  /** By performance.now(). */
  readonly endsAt: number;
}

/** A terminal shows one line that is updated; a log gets a line at each interval. */
const TERMINAL_INTERVAL_MS = 500;
const LOG_INTERVAL_MS = 5_000;
const CLEAR_LINE = '\r\x1b[K';

/** Prints the progress of the storm until disposed. */
export function showProgress({ output, figures, endsAt }: ProgressOptions): Progress {
  const intervalMs = output.isTTY ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS;
  let before = { calls: 0, at: performance.now() };
  const timer = setInterval(() => {
    const now = { calls: figures.calls, at: performance.now() };
    const callsPerSecond = ((now.calls - before.calls) * 1_000) / (now.at - before.at);
    before = now;
    const line = describeProgress(figures, Math.max(0, endsAt - now.at), callsPerSecond);
    output.write(output.isTTY ? `${CLEAR_LINE}  ${line}` : `  ${line}\n`);
  }, intervalMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      if (output.isTTY) output.write(CLEAR_LINE);
    },
  };
}

export function describeProgress(figures: Figures, leftMs: number, callsPerSecond: number): string {
  const { orders, refused, unknown } = figures;
  return [
    `${Math.ceil(leftMs / 1_000)} s left`,
    `${Math.round(callsPerSecond)} calls/s`,
    `${orders.created} orders`,
    `${refused} refused`,
    `${unknown} other errors`,
  ].join(' · ');
}
