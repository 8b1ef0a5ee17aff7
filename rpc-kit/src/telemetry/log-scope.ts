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

/**
 * Runs in the surroundings of the process's start, where no call has a log scope or a trace. For what serves many calls or
 * outlives the call that begins it, such as a connection of a pool or a timer: its log lines and spans would carry the
 * request id of a stranger's call.
 */
export const outsideCalls: <T>(run: () => T) => T = AsyncLocalStorage.snapshot();

/** Runs with these fields beside those of the scope around it, in all that it starts and awaits. */
export function runInLogScope<T>(fields: LogFields, run: () => T): T {
  return storage.run({ ...storage.getStore(), ...fields }, run);
}
