import type { Call } from '../call.ts';

/** Names of methods that no contract has come from callers: a series for each would let a caller fill the memory. */
export function knownMethod({ contract, method }: Call): string {
  return contract ? method : 'unknown';
}

/**
 * Caches a value for each method: its metrics' labels, its spans' name. Unknown methods share one value, because their names
 * come from callers and could fill the memory.
 *
 * @param create the value, from the first call of the method
 */
export function perMethod<T>(create: (call: Call) => T): (call: Call) => T {
  const services = new Map<string, Map<string | undefined, T>>();
  return (call) => {
    const methods = services.get(call.service);
    const known = call.contract ? call.method : undefined;
    const found = methods?.get(known);
    if (found !== undefined) return found;
    const made = create(call);
    services.set(call.service, (methods ?? new Map<string | undefined, T>()).set(known, made));
    return made;
  };
}
