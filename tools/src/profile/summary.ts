import { type CallTree, type Cost, sumCosts } from './call-tree.ts';

type SummaryOptions = {
  format: (cost: number) => string;
  /** Lines of each of the three lists. */
  linesMax?: number;
  /** Matches the locations of our functions. Default: code of this project. */
  ours?: RegExp;
};

/** The most expensive functions and packages, as lines for a terminal. */
export function summarize(tree: CallTree, { format, linesMax = 12, ours }: SummaryOptions): string[] {
  if (tree.total === 0) return ['Nothing was sampled.'];
  const { functions, groups, causes } = sumCosts(tree, ours);
  const list = (title: string, costs: Cost[]): string[] => [
    `\n${title}`,
    ...costs.slice(0, linesMax).map(({ what, cost }) => {
      const share = ((cost / tree.total) * 100).toFixed(1);
      return `${share.padStart(6)} %  ${format(cost).padStart(9)}  ${what}`;
    }),
  ];
  return [
    ...list('Own cost by function', functions),
    ...list('Own cost by package or file', groups),
    ...list('Cost by our innermost function, with the calls that it makes outside', causes),
  ];
}

const MICROS_PER_SECOND = 1_000_000;

export function formatMicros(micros: number): string {
  if (micros >= MICROS_PER_SECOND) return `${(micros / MICROS_PER_SECOND).toFixed(2)} s`;
  return `${(micros / 1_000).toFixed(1)} ms`;
}

export function formatBytes(bytes: number): string {
  if (bytes >= 1_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000).toFixed(1)} kB`;
}
