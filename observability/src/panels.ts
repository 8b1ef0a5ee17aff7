/** The queries of a panel and how it shows them. `grafana.ts` converts it to Grafana's JSON. */
export interface Panel {
  readonly title: string;
  /** Only where the title is not enough. */
  readonly description?: string | undefined;
  readonly kind: 'graph' | 'number' | 'table';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Stacks the series, which are parts of a whole. */
  readonly stacked?: boolean | undefined;
  /** The threshold above which it is red. */
  readonly redFrom?: number | undefined;
}

export interface Query {
  readonly expr: string;
  /** Names a series by its labels: `{{method}}`. */
  readonly legend: string;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  /** Its results are the values to choose from. */
  readonly query: string;
}

export interface Dashboard {
  /** In its URL, and the name of its file. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables?: readonly Variable[];
  readonly rows: readonly Row[];
}

/** Grafana's names of units (https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/#unit). */
export type Unit = 'reqps' | 'ops' | 's' | 'short' | 'percentunit' | 'bytes' | 'none';

type Options = Pick<Panel, 'description' | 'stacked' | 'redFrom'>;

/** @param queries one without a legend names its series by the labels that it groups by */
export function graph(title: string, unit: Unit, queries: readonly (Query | string)[], options: Options = {}): Panel {
  return { kind: 'graph', title, unit, queries: queries.map(withLegend), ...options };
}

function withLegend(query: Query | string): Query {
  if (typeof query !== 'string') return query;
  const [, grouped = ''] = /\bby \(([^)]*)\)/.exec(query) ?? [];
  const labels = grouped.split(', ').filter((label) => label !== 'le');
  return { expr: query, legend: labels.map((label) => `{{${label}}}`).join(' ') };
}

/** The current value. */
export function number(title: string, unit: Unit, expr: string, options: Options = {}): Panel {
  return { kind: 'number', title, unit, queries: [{ expr, legend: title }], ...options };
}

/** A row for each series, with its current value. */
export function table(title: string, unit: Unit, expr: string, options: Options = {}): Panel {
  return { kind: 'table', title, unit, queries: [{ expr, legend: '' }], ...options };
}

/** Grafana replaces it by a window that covers at least two scrapes. */
const WINDOW = '$__rate_interval';

/** Events a second, added up by labels. */
export function rate(counter: string, by: readonly string[] = []): string {
  return `sum${grouped(by)}(rate(${counter}[${WINDOW}]))`;
}

/** @param histogram without `_bucket`; a selector may follow in braces */
export function quantile(part: number, histogram: string, by: readonly string[] = []): string {
  const [name, selector = ''] = split(histogram);
  return `histogram_quantile(${part}, sum${grouped([...by, 'le'])}(rate(${name}_bucket${selector}[${WINDOW}])))`;
}

/** Median, 95th and 99th percentile. */
export function quantiles(histogram: string): Query[] {
  return [
    { expr: quantile(0.5, histogram), legend: 'p50' },
    { expr: quantile(0.95, histogram), legend: 'p95' },
    { expr: quantile(0.99, histogram), legend: 'p99' },
  ];
}

/** For a series that exists only after its first event: a 0 differs from a broken panel. */
export function orZero(expr: string): string {
  return `(${expr}) or on() vector(0)`;
}

function grouped(by: readonly string[]): string {
  return by.length === 0 ? '' : ` by (${by.join(', ')}) `;
}

function split(selected: string): [string, string?] {
  const brace = selected.indexOf('{');
  return brace === -1 ? [selected] : [selected.slice(0, brace), selected.slice(brace)];
}
