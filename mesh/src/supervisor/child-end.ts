import type { ChildProcess } from 'node:child_process';

/**
 * Settles with how the child ended, in words; a child that could not be started has ended as well. Node may report the exit
 * before the last message: every message has arrived once the channel is closed, too.
 */
export function awaitEnd(child: ChildProcess): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once('error', ({ message }) => resolve(message));
  child.once('exit', (code, signal) => {
    const how = signal ?? `exit code ${code}`;
    if (child.connected) child.once('disconnect', () => resolve(how));
    else resolve(how);
  });
  return promise;
}

export function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null;
}
