/** A failure we foresaw: the message is one sentence that says what happened and how to mend it, so no stack is shown. */
export class Failure extends Error {
  override name = 'Failure';
}

const SAID_IN_ONE_SENTENCE = new Set(['Failure', 'MigrationError']);
/** Something forgotten (a socket, a timer) must not keep a finished script alive for ever. */
const LINGER_TIMEOUT_MS = 2_000;

/** Runs a script's main function; its number is the exit code, and a foreseen failure is one line on stderr. */
export async function runScript(main: () => Promise<number | undefined>): Promise<void> {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    process.exitCode = 1;
    console.error(describeFailure(error));
  }
  if (process.connected) process.disconnect?.();
  setTimeout(() => process.exit(), LINGER_TIMEOUT_MS).unref();
}

export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return SAID_IN_ONE_SENTENCE.has(error.name) ? error.message : (error.stack ?? error.message);
}
