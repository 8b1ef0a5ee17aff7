const warned = new WeakSet<object>();

/**
 * Tells a listener of an event, if there is one. Listeners only watch: metrics, logs, traces. One that throws is a mistake
 * of whoever attached it and must not fail the call that it watched; it is reported as a process warning, the first time.
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
