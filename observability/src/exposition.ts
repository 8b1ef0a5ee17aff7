/** A metric of a service, as in its /metrics. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly series: readonly Series[];
}

export interface Series {
  /** With the suffix of a histogram's parts. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Reads Prometheus's text format as prom-client writes it: the help and the type of a metric, then its series
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
export function parseExposition(text: string): Family[] {
  const families: { name: string; type: string; help: string; series: Series[] }[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('# HELP ')) {
      const [, name = '', help = ''] = line.match(/^# HELP (\S+) (.*)$/) ?? [];
      families.push({ name, type: '', help, series: [] });
      continue;
    }
    const family = families.at(-1);
    if (line === '' || !family) continue;
    if (line.startsWith('# TYPE ')) family.type = line.split(' ')[3] ?? '';
    else family.series.push(parseSeries(line));
  }
  return families;
}

function parseSeries(line: string): Series {
  const [, name = '', labels = '', value = ''] = line.match(/^([^\s{]+)(?:\{(.*)\})? (\S+)$/) ?? [];
  if (name === '') throw new Error(`not a series of Prometheus's text format: ${line}`);
  const pairs = labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g);
  return { name, labels: Object.fromEntries(Array.from(pairs, ([, key, text]) => [key, text])), value: Number(value) };
}
