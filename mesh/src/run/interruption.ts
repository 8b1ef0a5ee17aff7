import { isatty } from 'node:tty';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const STDOUT = 1;
const HANG_UP_POLL_MS = 500;

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
  void awaitHangUp().then(() => interrupt('terminal closed'));
  return promise;
}

/**
 * Settles when the terminal that we write to is gone. SIGHUP says so too, but it goes to whoever leads the terminal's
 * session, and where that is `make` (`ssh -t host make run-all`), make keeps it to itself and waits for us.
 */
export function awaitHangUp(isOpen: () => boolean = () => isatty(STDOUT)): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (!isOpen()) return promise;
  const timer = setInterval(() => {
    if (isOpen()) return;
    clearInterval(timer);
    resolve();
  }, HANG_UP_POLL_MS);
  timer.unref();
  return promise;
}
