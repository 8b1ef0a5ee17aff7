import type { Call } from '../call.ts';

/**
 * What is made once for each method and found at each of its calls: the labels of its metrics, the name of its spans. Calls
 * of methods that no contract has share one, whatever they are called: names come from outside, and would fill the memory.
 *
 * @param create makes it from the first call
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
