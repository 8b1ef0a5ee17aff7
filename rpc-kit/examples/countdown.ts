import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, createHttpTransport, defineService, implement, stream, uint32 } from 'rpc-kit';
import { z } from 'zod';

export const countdown = defineService(
  'countdown',
  { summary: 'Counts down.', version: '1.0.0' },
  {
    count: {
      summary: 'Counts down to 0.',
      params: z.strictObject({ from: uint32, after: uint32.optional() }),
      result: stream(z.object({ left: uint32 }), { id: 'left', resume: 'after' }),
      timeoutMs: 60_000,
      reads: true,
      example: { params: { from: 3 }, result: { left: 3 } },
    },
  },
);

export const countdownService = implement(countdown, {
  async *count({ from, after = from + 1 }, { signal }) {
    for (let left = Math.min(from, after - 1); left >= 0; left--) {
      // Goes on when the reader has taken the item; returns here when the reader has left.
      yield { left };
      await sleep(10, undefined, { signal });
    }
  },
});

export async function countUntil(url: string, last: number): Promise<number[]> {
  await using transport = createHttpTransport(url, { userAgent: 'example/1.0.0' });
  const seen: number[] = [];
  for await (const { left } of createClient(countdown, transport).count({ from: 3 })) {
    seen.push(left);
    // Leaving the loop cancels the call.
    if (left === last) break;
  }
  return seen;
}
