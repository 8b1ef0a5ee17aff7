import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A row of docs/metrics.md, which tests hold against what services really show, and against what panels and alerts ask for. */
export interface DescribedMetric {
  readonly name: string;
  readonly type: string;
  /** Without `service`, which every series has. */
  readonly labels: readonly string[];
  readonly services: readonly string[];
  readonly help: string;
}

const PAGE = join(import.meta.dirname, '../../docs/metrics.md');
export const SERVICE_NAMES = ['checkout', 'loms', 'notifications', 'products'];

export function readMetricsPage(): DescribedMetric[] {
  const rows = readFileSync(PAGE, 'utf8').matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \| (.*) \|$/gm);
  return Array.from(rows, ([, name = '', type = '', labels = '', services = '', help = '']) => ({
    name,
    type,
    labels: Array.from(labels.matchAll(/`(\w+)`/g), ([, label = '']) => label),
    services: services === 'all' ? SERVICE_NAMES : services.split(', '),
    help,
  }));
}

/** The row of the page for a metric. */
export function toRow({ name, type, labels, services, help }: DescribedMetric): string {
  const who = services.length === SERVICE_NAMES.length ? 'all' : services.join(', ');
  return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${who} | ${help} |`;
}
