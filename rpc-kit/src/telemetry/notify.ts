const warned = new WeakSet<object>();

/**
 * Calls a listener, if there is one. Listeners only observe (metrics, logs, traces), so one that throws must not fail the call: its
 * first error becomes a process warning, and in a browser what an uncaught error would be.
 */
export function notify<E>(listener: ((event: E) => void) | undefined, event: E): void {
  if (!listener) return;
  try {
    listener(event);
  } catch (error) {
    if (warned.has(listener)) return;
    warned.add(listener);
    report(new Error('A listener threw', { cause: error }));
  }
}

function report(error: Error): void {
  const { process, reportError } = globalThis as Surroundings;
  if (process) process.emitWarning(error);
  else reportError?.(error);
}

/** What Node has, and what browsers have. */
interface Surroundings {
  readonly process?: Pick<NodeJS.Process, 'emitWarning'>;
  readonly reportError?: (error: Error) => void;
}
