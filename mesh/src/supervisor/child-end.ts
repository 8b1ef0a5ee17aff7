import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/**
 * How a child with an IPC channel ended, in words. A child may send its last message and exit at once, and Node may tell
 * of the exit first: the message is certain to have arrived only when the channel is closed as well.
 */
export async function awaitEnd(child: ChildProcess): Promise<string> {
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  return signal ?? `exit code ${code}`;
}
