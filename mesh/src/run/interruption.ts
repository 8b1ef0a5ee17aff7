import { isatty } from 'node:tty';
import { seconds } from './progress.ts';

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

export type Session = {
  /** Undone in reverse order when the session ends. */
  undo: AsyncDisposableStack;
  /** Rejects with the interruption, should it come before the work is done. */
  unlessInterrupted<T>(work: Promise<T>): Promise<T>;
};

/** Runs a script that ends by an interruption, or by a failure. */
export async function runUntilInterrupted(name: string, run: (session: Session) => Promise<never>): Promise<number> {
  const interrupted = listenForInterruption();
  const interruption = interrupted.then((reason) => Promise.reject(reason));
  interruption.catch(() => {});
  try {
    await using undo = new AsyncDisposableStack();
    return await run({ undo, unlessInterrupted: (work) => Promise.race([work, interruption]) });
  } catch (error) {
    if (!(error instanceof Interruption)) throw error;
    console.log(`${name} is stopped; that took ${seconds(error.at)}.`);
    return 0;
  }
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
