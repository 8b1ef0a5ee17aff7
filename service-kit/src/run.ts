import { hideUrlSecrets } from 'rpc-kit/urls';
import { ConfigError } from './config.ts';

/** How long closing may take in all before the process ends itself: below the 5 s that its starter waits. */
const STOP_TIMEOUT_MS = 4_500;

/**
 * Runs a service's main function until it is told to stop: by SIGTERM, SIGINT, or because the process that started it
 * (and holds its IPC channel) went away. A failure ends the process with one sentence and exit code 1.
 *
 * @param main opens what it needs with `await using`, then awaits `stopped`; leaving its scope closes everything
 */
export async function run(service: string, main: (stopped: Promise<string>) => Promise<void>): Promise<void> {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  if (process.connected) {
    process.once('disconnect', () => stop('its starter went away'));
    // The channel only tells that the starter lives; it must not keep this process alive.
    process.channel?.unref();
  }
  void stopped.then(() => {
    setTimeout(() => {
      console.error(`${service} did not stop within ${STOP_TIMEOUT_MS} ms and was ended`);
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
  });
  try {
    await main(stopped);
  } catch (error) {
    console.error(`${service} cannot run: ${sentence(error)}`);
    process.exitCode = 1;
  }
  process.exit();
}

/** Runs a tool of a service to its end. A failure is one sentence and exit code 1. */
export async function runTool(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(`${name} failed: ${sentence(error)}`);
    process.exitCode = 1;
  }
}

/** What the starter of a process has to know of a failure. A stack helps only where the mistake is ours. */
function sentence(error: unknown): string {
  if (!(error instanceof Error)) return hideUrlSecrets(String(error));
  const expected = error instanceof ConfigError || error.cause !== undefined || 'code' in error;
  return hideUrlSecrets(expected ? error.message : (error.stack ?? error.message));
}
