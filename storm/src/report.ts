import { textTable } from 'mesh';
import type { Figures } from './figures.ts';

export function describeFigures(figures: Figures, elapsedMs: number): string {
  const { created, payed, cancelled, failed } = figures.orders;
  const perSecond = (count: number) => (count / (elapsedMs / 1_000)).toFixed(1);
  const methods = figures.byMethod().map(({ method, calls, ok, fail, info, latencies }) => {
    const [p50Ms, p99Ms] = [latencies.percentileMs(50), latencies.percentileMs(99)];
    return [method, ...[calls, ok, fail, info].map(String), p50Ms.toFixed(1), p99Ms.toFixed(1)];
  });
  return [
    `${perSecond(created)} orders a second, ${perSecond(figures.calls)} calls a second, for ${(elapsedMs / 1_000).toFixed(1)} s`,
    `orders: ${created} created, ${payed} paid, ${cancelled} cancelled; ${failed} more failed: out of stock`,
    '',
    textTable([['method', 'calls', 'ok', 'refused', 'other', 'p50 ms', 'p99 ms'], ...methods], 1),
    ...describeErrors(figures),
  ].join('\n');
}

/** A table after an empty line; nothing where no call failed. */
export function describeErrors(figures: Figures): string[] {
  const errors = figures.errors().map(({ method, code, count, expected }) => {
    return [method, code, String(count), expected ? '' : 'UNEXPECTED'];
  });
  return errors.length === 0 ? [] : ['', textTable([['method', 'error', 'calls', ''], ...errors], 2)];
}
