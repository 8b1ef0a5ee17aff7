import { textTable } from 'mesh';
import type { Figures } from './figures.ts';

/** The figures of a storm, as a person reads them. */
export function describeFigures(figures: Figures, tookMs: number): string {
  const { created, payed, cancelled, failed } = figures.orders;
  const perSecond = (count: number) => (count / (tookMs / 1_000)).toFixed(1);
  const methods = figures.byMethod().map(({ method, calls, ok, fail, info, p50Ms, p99Ms }) => {
    return [method, ...[calls, ok, fail, info].map(String), p50Ms.toFixed(1), p99Ms.toFixed(1)];
  });
  const errors = figures.errors().map(({ method, code, count, expected }) => {
    return [method, code, String(count), expected ? '' : 'UNEXPECTED'];
  });
  return [
    `${perSecond(created)} orders a second, ${perSecond(figures.calls)} calls a second, for ${(tookMs / 1_000).toFixed(1)} s`,
    `orders: ${created} created, ${payed} payed, ${cancelled} cancelled; ${failed} more failed for want of goods`,
    '',
    textTable([['method', 'calls', 'ok', 'refused', 'other', 'p50 ms', 'p99 ms'], ...methods], 1),
    ...(errors.length === 0 ? [] : ['', textTable([['method', 'error', 'calls', ''], ...errors], 2)]),
  ].join('\n');
}
