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
    toTable([['method', 'calls', 'ok', 'refused', 'other', 'p50 ms', 'p99 ms'], ...methods], 1),
    ...(errors.length === 0 ? [] : ['', toTable([['method', 'error', 'calls', ''], ...errors], 2)]),
  ].join('\n');
}

/** @param textColumns how many columns are words, to the left; the others are numbers, to the right */
function toTable(rows: string[][], textColumns: number): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const toCell = (cell: string, column: number) => {
    const width = widths[column] ?? 0;
    return column < textColumns ? cell.padEnd(width) : cell.padStart(width);
  };
  return rows.map((row) => `  ${row.map(toCell).join('   ')}`.trimEnd()).join('\n');
}
