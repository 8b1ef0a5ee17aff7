const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Somebody asked the run to end: no failure, but whatever is under way is not waited for. */
export class Interruption extends Error {
  override name = 'Interruption';
  readonly at = performance.now();
}

/** Settles (and never rejects) when this process is told to end, or when the one that started it over IPC is gone. */
export function listenForInterruption(): Promise<Interruption> {
  const { promise, resolve } = Promise.withResolvers<Interruption>();
  const interrupt = (why: string) => resolve(new Interruption(why));
  for (const signal of SIGNALS) process.on(signal, interrupt);
  process.on('disconnect', () => interrupt('disconnect'));
  // Somebody piped the output into `head`: there is nobody left to run for.
  process.stdout.on('error', () => interrupt('output closed'));
  return promise;
}
