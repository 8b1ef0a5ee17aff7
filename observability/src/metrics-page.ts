import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A row of docs/metrics.md. Tests compare the page with the metrics of running services, and with panels and alerts. */
export interface DescribedMetric {
  readonly name: string;
  readonly type: string;
  /** Without `service`, which every series has. */
  readonly labels: readonly string[];
  readonly services: readonly string[];
  readonly help: string;
  /** Exposed only where events travel through Kafka. */
  readonly needsKafka: boolean;
}

const PAGE = join(import.meta.dirname, '../../docs/metrics.md');
const SERVICE_NAMES = ['accounts', 'checkout', 'gateway', 'loms', 'notifications', 'products'];

export function readMetricsPage(): DescribedMetric[] {
  const sections = readFileSync(PAGE, 'utf8').split(/^## /m);
  return sections.flatMap((section) => {
    const needsKafka = section.startsWith('Kafka\n');
    const rows = section.matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) \| (.*) \|$/gm);
    return Array.from(rows, ([, name = '', type = '', labels = '', services = '', help = '']) => ({
      name,
      type,
      labels: Array.from(labels.matchAll(/`(\w+)`/g), ([, label = '']) => label),
      services: readServices(services),
      help,
      needsKafka,
    }));
  });
}

/** `all`, `all but gateway`, or names. */
function readServices(text: string): readonly string[] {
  const [all, but] = text.split(' but ');
  return all === 'all' ? SERVICE_NAMES.filter((name) => name !== but) : text.split(', ');
}
