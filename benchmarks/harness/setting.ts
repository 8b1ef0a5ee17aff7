import { cpus, loadavg, release, totalmem, type } from 'node:os';

/** Where and when it was measured. */
export interface Setting {
  readonly date: string;
  readonly node: string;
  readonly system: string;
  readonly processor: string;
  readonly memoryGiB: number;
  /** Of the last 1, 5 and 15 minutes, at the start. */
  readonly loadAverage: readonly number[];
}

export function describeSetting(): Setting {
  const [first] = cpus();
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    node: process.version,
    system: `${type()} ${release()}`,
    processor: `${cpus().length} × ${first?.model.trim()}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadAverage: loadavg().map((load) => Math.round(load * 100) / 100),
  };
}

export function settingLine({ date, node, system, processor, memoryGiB, loadAverage }: Setting): string {
  return `${date} UTC, Node ${node}, ${system}, ${processor}, ${memoryGiB} GiB, load average at the start ${loadAverage.join(' ')}`;
}
