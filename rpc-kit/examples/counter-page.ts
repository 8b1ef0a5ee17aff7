import { createClient, createFetchTransport, createRetryBudget, failedWith, retry } from 'rpc-kit/client';
import { counter } from './counter-contract.ts';

// Relative to the page: the service that served it.
const client = createClient(counter, createFetchTransport('/'), {
  interceptors: [retry({ budget: createRetryBudget() })],
});

/** Adds the amounts, in one request, and returns the last total. */
export async function addAll(amounts: readonly bigint[]): Promise<bigint | 'too large'> {
  try {
    const added = await Promise.all(amounts.map((amount) => client.add({ amount })));
    return added.at(-1)?.total ?? 0n;
  } catch (error) {
    if (failedWith(error, counter.methods.add, 'too_large')) return 'too large';
    throw error;
  }
}

/** Shows totals until the signal aborts; `retry` resumes the stream after the last one when the connection breaks. */
export async function showTotals(show: (total: bigint) => void, signal: AbortSignal): Promise<void> {
  for await (const { total } of client.watch({}, { signal })) show(total);
}
