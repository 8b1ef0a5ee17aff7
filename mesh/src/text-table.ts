/**
 * A table for a terminal, indented by two spaces. The first row is the head.
 * @param textColumns how many columns from the left hold text; figures are aligned to the right
 */
export function textTable(rows: readonly (readonly string[])[], textColumns = Number.POSITIVE_INFINITY): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const toCell = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column < textColumns ? cell.padEnd(width) : cell.padStart(width);
  };
  return rows.map((row) => `  ${row.map(toCell).join('   ')}`.trimEnd()).join('\n');
}
