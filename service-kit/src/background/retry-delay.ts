export interface DelayBounds {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * How long an item waits after its failed attempt, in milliseconds: `baseMs` doubled with each attempt, at most `maxMs`. A
 * failure that names a longer pause in `retryAfterMs` (the receiver's Retry-After) is obeyed; whoever read it has bounded it.
 */
export function retryDelayMs(attempts: number, error: unknown, { baseMs, maxMs }: DelayBounds): number {
  const { retryAfterMs } = (error ?? {}) as { readonly retryAfterMs?: unknown };
  const backoffMs = Math.min(baseMs * 2 ** (attempts - 1), maxMs);
  return typeof retryAfterMs === 'number' ? Math.max(backoffMs, retryAfterMs) : backoffMs;
}
