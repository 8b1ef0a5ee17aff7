import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * The fields of every log line of a call. AsyncLocalStorage carries them, because log lines of libraries have no access to the call.
 */
export type LogFields = Readonly<Record<string, string>>;

const storage = new AsyncLocalStorage<LogFields>();

/** For pino's `mixin`: the fields of the current call. */
export function logScope(): LogFields {
  return storage.getStore() ?? {};
}

/**
 * Runs outside of any call's log scope and trace. For things that serve many calls or outlive the call that starts them, such as a
 * pool's connection or a timer: their log lines and spans would carry the request id of an unrelated call.
 */
export const outsideCalls: <T>(run: () => T) => T = AsyncLocalStorage.snapshot();

/** Adds the fields to the current scope for `run` and everything that it starts. */
export function runInLogScope<T>(fields: LogFields, run: () => T): T {
  return storage.run({ ...storage.getStore(), ...fields }, run);
}
