import { createClient, createRetryBudget, RpcError, retry, type Transport } from 'rpc-kit';
import { countdown } from './countdown.ts';

/** Counts over any transport, for `timeoutMs` at most. A stream that breaks off is resumed after its last item. */
export async function countWithin(transport: Transport, from: number, timeoutMs: number): Promise<number[]> {
  const budget = createRetryBudget({ perSecondMin: 10 });
  const client = createClient(countdown, transport, { interceptors: [retry({ budget })] });
  const seen: number[] = [];
  try {
    for await (const { left } of client.count({ from }, { timeoutMs })) seen.push(left);
  } catch (error) {
    // The deadline is that of the whole stream, with all its attempts.
    if (!(error instanceof RpcError && error.code === 'deadline_exceeded')) throw error;
  }
  return seen;
}
