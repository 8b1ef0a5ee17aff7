import { textTable } from 'mesh';
import type { Figures } from './figures.ts';

export function describeFigures(figures: Figures, elapsedMs: number): string {
  const { created, payed, cancelled, failed } = figures.orders;
  const perSecond = (count: number) => (count / (elapsedMs / 1_000)).toFixed(1);
  const methods = figures.byMethod().map(({ method, calls, ok, fail, info, p50Ms, p99Ms }) => {
    return [method, ...[calls, ok, fail, info].map(String), p50Ms.toFixed(1), p99Ms.toFixed(1)];
  });
  const errors = figures.errors().map(({ method, code, count, expected }) => {
    return [method, code, String(count), expected ? '' : 'UNEXPECTED'];
  });
  return [
    `${perSecond(created)} orders a second, ${perSecond(figures.calls)} calls a second, for ${(elapsedMs / 1_000).toFixed(1)} s`,
    `orders: ${created} created, ${payed} paid, ${cancelled} cancelled; ${failed} more failed: out of stock`,
    '',
    textTable([['method', 'calls', 'ok', 'refused', 'other', 'p50 ms', 'p99 ms'], ...methods], 1),
    ...(errors.length === 0 ? [] : ['', textTable([['method', 'error', 'calls', ''], ...errors], 2)]),
  ].join('\n');
}
