import { isatty } from 'node:tty';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const STDOUT = 1;
const HANG_UP_POLL_MS = 500;

/** The run was asked to end: this is no failure, but steps in progress are abandoned. */
export class Interruption extends Error {
  override name = 'Interruption';
  readonly at = performance.now();
}

/** Settles (and never rejects) on a signal, or when the parent process closes the IPC channel. */
export function listenForInterruption(): Promise<Interruption> {
  const { promise, resolve } = Promise.withResolvers<Interruption>();
  const interrupt = (why: string) => resolve(new Interruption(why));
  for (const signal of SIGNALS) process.on(signal, interrupt);
  process.on('disconnect', () => interrupt('disconnect'));
  // The output is a pipe whose reader has closed it, as `head` does.
  process.stdout.on('error', () => interrupt('output closed'));
  void awaitHangUp().then(() => interrupt('terminal closed'));
  return promise;
}

/**
 * Settles when the terminal of our output is closed. SIGHUP goes to the leader of the terminal's session only, and where that is
 * `make` (`ssh -t host make run-all`), make does not pass it on.
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
