import { textTable } from 'mesh';
import type { Figures } from '../figures.ts';
import type { Latencies } from '../latencies.ts';
import { describeErrors } from '../report.ts';
import type { Offered } from './open-loop.ts';

export interface LoadFigures {
  readonly offered: Offered;
  readonly paid: number;
  readonly failed: number;
  /** From when a purchase was due until it was paid. */
  readonly purchases: Latencies;
  readonly calls: Figures;
}

const PERCENTS = [50, 90, 99, 99.9, 99.99];

export function describeLoad({ offered, paid, failed, purchases, calls }: LoadFigures): string {
  const seconds = (offered.to - offered.from) / 1_000;
  const row = (name: string, latencies: Latencies): string[] => {
    const shown = [...PERCENTS.map((percent) => latencies.percentileMs(percent)), latencies.maxMs];
    return [name, String(latencies.count), ...shown.map((ms) => ms.toFixed(1))];
  };
  const head = ['latency in ms', 'count', ...PERCENTS.map((percent) => `p${percent}`), 'max'];
  const methods = calls.byMethod().map(({ method, latencies }) => row(method, latencies));
  return [
    `${(paid / seconds).toFixed(1)} purchases a second were paid, of ${(offered.offered / seconds).toFixed(1)} offered, for ${seconds.toFixed(1)} s`,
    `purchases: ${offered.offered} offered, ${paid} paid, ${failed} failed, ${offered.dropped} never started`,
    '',
    textTable([head, row('from due to paid', purchases), ...methods], 1),
    ...describeErrors(calls),
  ].join('\n');
}
