/** The metrics and labels of a query: enough of PromQL to compare panels with docs/metrics.md. */
export interface Selection {
  /** Without `_bucket`, `_sum` and `_count`, where it is a histogram that was asked for. */
  readonly metrics: readonly string[];
  /** In its filters and groupings. */
  readonly labels: readonly string[];
}

const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const OPERATORS = new Set(['or', 'and', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring', 'inf', 'nan']);

export function selectionOf(query: string): Selection {
  const labels = new Set<string>();
  const bare = query
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\{([^}]*)\}/g, (_all, matchers: string) => {
      for (const [, label = ''] of matchers.matchAll(/(\w+)\s*[!=]/g)) labels.add(label);
      return ' ';
    })
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(GROUPING, (_all, grouped: string) => {
      for (const [label] of grouped.matchAll(/\w+/g)) labels.add(label);
      return ' ';
    });
  const names = Array.from(bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\()\b/g), ([name]) => name).filter(
    (name) => !OPERATORS.has(name) && !isFunction(bare, name),
  );
  return { metrics: [...new Set(names)], labels: [...labels] };
}

function isFunction(query: string, name: string): boolean {
  return new RegExp(`\\b${name}\\s*\\(`).test(query);
}
