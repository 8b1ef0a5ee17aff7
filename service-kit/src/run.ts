import { hideUrlSecrets } from 'rpc-kit/urls';
import { ConfigError } from './config.ts';

/** Closing that takes longer ends the process: below the 5 s after which the parent process kills it. */
const STOP_TIMEOUT_MS = 4_500;

/**
 * Runs a service's main function until SIGTERM, SIGINT, or the end of the parent process that holds its IPC channel.
 * A failure ends the process with one sentence and exit code 1.
 *
 * @param main opens its resources with `await using`, then awaits `stopped`; leaving its scope closes them
 */
export async function run(service: string, main: (stopped: Promise<string>) => Promise<void>): Promise<void> {
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
  if (process.connected) {
    process.once('disconnect', () => stop('the parent process ended'));
    // The channel only signals that the parent lives; it must not keep this process alive.
    process.channel?.unref();
  }
  void stopped.then(() => {
    setTimeout(() => {
      console.error(`${service} did not stop within ${STOP_TIMEOUT_MS} ms; its process exits now`);
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

/** One sentence for the operator. Only an unexpected error comes with its stack. */
function sentence(error: unknown): string {
  if (!(error instanceof Error)) return hideUrlSecrets(String(error));
  const expected = error instanceof ConfigError || error.cause !== undefined || 'code' in error;
  return hideUrlSecrets(expected ? error.message : (error.stack ?? error.message));
}
