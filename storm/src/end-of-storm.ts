const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** As a shell says it of a program that Ctrl-C has ended. */
const INTERRUPTED_EXIT_CODE = 130;

/**
 * Ends the load after its time or at the first Ctrl-C, which still checks and reports. Ctrl-C after the load, be it the
 * second or not, ends all at once.
 */
export function listenForEnd(seconds: number, say: (text: string) => void): AbortSignal {
  const interrupted = new AbortController();
  const over = AbortSignal.any([interrupted.signal, AbortSignal.timeout(seconds * 1_000)]);
  const interrupt = () => {
    if (over.aborted) {
      say('\nEnded without the rest of the check.');
      process.exit(INTERRUPTED_EXIT_CODE);
    }
    say('\nThe load ends early. Ctrl-C again ends all of it, without the check.');
    interrupted.abort();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return over;
}
