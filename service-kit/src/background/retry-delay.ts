export interface DelayBounds {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * Back-off after a failed attempt, in milliseconds: `baseMs` doubled with each attempt, at most `maxMs`. A longer
 * `retryAfterMs` of the failure (the receiver's Retry-After) wins; the code that read it has bounded it.
 */
export function retryDelayMs(attempts: number, error: unknown, { baseMs, maxMs }: DelayBounds): number {
  const { retryAfterMs } = (error ?? {}) as { readonly retryAfterMs?: unknown };
  const backoffMs = Math.min(baseMs * 2 ** (attempts - 1), maxMs);
  return typeof retryAfterMs === 'number' ? Math.max(backoffMs, retryAfterMs) : backoffMs;
}
