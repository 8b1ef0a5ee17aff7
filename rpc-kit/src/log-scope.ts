import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * The fields that every log line of a call carries. This is the one thing that travels beside the call instead of in it:
 * a library's log line deep below cannot be handed the call.
 */
export type LogFields = Readonly<Record<string, string>>;

const storage = new AsyncLocalStorage<LogFields>();

/** For pino's `mixin`: the fields of the call that the current line belongs to. */
export function logScope(): LogFields {
  return storage.getStore() ?? {};
}

/** Runs with these fields beside those of the scope around it, in all that it starts and awaits. */
export function runInLogScope<T>(fields: LogFields, run: () => T): T {
  return storage.run({ ...storage.getStore(), ...fields }, run);
}
