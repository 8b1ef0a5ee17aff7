type Cell = string | number;

/** @param textColumns how many columns from the left hold text; figures are aligned to the right */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  textColumns = head.length,
): string {
  const line = (cells: readonly Cell[]): string =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((_, column) => (column < textColumns ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
