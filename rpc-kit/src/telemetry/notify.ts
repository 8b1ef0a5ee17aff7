const warned = new WeakSet<object>();

/**
 * Calls a listener, if there is one. Listeners only observe (metrics, logs, traces), so one that throws must not fail the call: its
 * first error becomes a process warning.
 */
export function notify<E>(listener: ((event: E) => void) | undefined, event: E): void {
  if (!listener) return;
  try {
    listener(event);
  } catch (error) {
    if (warned.has(listener)) return;
    warned.add(listener);
    process.emitWarning(new Error('A listener threw', { cause: error }));
  }
}
