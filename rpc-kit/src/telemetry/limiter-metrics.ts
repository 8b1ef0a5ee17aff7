import type { Registry } from 'prom-client';
import type { Limiter } from '../calling/token-bucket.ts';
import { RpcError } from '../rpc-error.ts';
import { gaugeIn, histogramIn } from './instruments.ts';

/** Seconds. From an available token to the longest timeout of a contract. */
const WAIT_BUCKETS = [0.001, 0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];

/**
 * Measures the queue of a limiter: `rpc_limiter_waiting{limiter}` and `rpc_limiter_wait_seconds{limiter,outcome}`, whose outcomes
 * are taken, refused (the queue was full), left (the caller left while waiting) and failed (the limiter itself failed, e.g. its
 * database).
 *
 * @param name of the protected thing, e.g. a peer
 */
export function measureLimiter(registry: Registry, name: string, limiter: Limiter): Limiter {
  const waiting = gaugeIn(registry, {
    name: 'rpc_limiter_waiting',
    help: 'Callers that wait for their turn.',
    labelNames: ['limiter'],
  }).labels({ limiter: name });
  const wait = histogramIn(registry, {
    name: 'rpc_limiter_wait_seconds',
    help: 'How long callers waited for their turn, by how that ended: taken, refused, left or failed.',
    labelNames: ['limiter', 'outcome'],
    buckets: WAIT_BUCKETS,
  });
  // Without a first value, the gauge would look missing until a caller waits.
  waiting.set(0);

  return {
    async take(signal) {
      const startedAt = performance.now();
      let outcome = 'taken';
      waiting.inc();
      try {
        return await limiter.take(signal);
      } catch (error) {
        outcome = signal?.aborted ? 'left' : isRefusal(error) ? 'refused' : 'failed';
        throw error;
      } finally {
        waiting.dec();
        wait.observe({ limiter: name, outcome }, (performance.now() - startedAt) / 1_000);
      }
    },
    get waiting() {
      return limiter.waiting;
    },
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof RpcError && error.code === 'resource_exhausted';
}
