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

/**
 * Several listener objects as one, for policies that take one: `on: listeners(retryMetrics(registry), retryLogs)`. Each hears
 * of every event that it has a callback for, in order, whatever the others make of it.
 */
export function listeners<E extends object>(...all: readonly Partial<E>[]): Partial<E> {
  const names = new Set(all.flatMap((one) => Object.keys(one))) as Set<keyof E>;
  const combined = [...names].map((name) => [
    name,
    (event: unknown) => {
      for (const one of all) notify(one[name] as ((event: unknown) => void) | undefined, event);
    },
  ]);
  return Object.fromEntries(combined) as Partial<E>;
}
