const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** As a shell says it of a program that Ctrl-C has ended. */
const INTERRUPTED_EXIT_CODE = 130;

/** Ends the load after its time or at the first Ctrl-C, which still checks and reports. The second Ctrl-C ends all at once. */
export function listenForEnd(seconds: number, say: (text: string) => void): AbortSignal {
  const interrupted = new AbortController();
  const interrupt = () => {
    if (interrupted.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE);
    say('The load ends early. Ctrl-C again ends all of it, without the check.');
    interrupted.abort();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  return AbortSignal.any([interrupted.signal, AbortSignal.timeout(seconds * 1_000)]);
}
