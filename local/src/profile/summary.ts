import { type CallTree, type Cost, sumCosts } from './call-tree.ts';

const LINES_SHOWN = 12;

/** What stands on the terminal: where the costs are, dearest first. */
export function summarize(tree: CallTree, format: (cost: number) => string): string[] {
  if (tree.total === 0) return ['Nothing was sampled.'];
  const { functions, groups, causes } = sumCosts(tree);
  const list = (title: string, costs: Cost[]): string[] => [
    `\n${title}`,
    ...costs.slice(0, LINES_SHOWN).map(({ what, cost }) => {
      const share = ((cost / tree.total) * 100).toFixed(1);
      return `${share.padStart(6)} %  ${format(cost).padStart(9)}  ${what}`;
    }),
  ];
  return [
    ...list('By function, what it costs itself', functions),
    ...list('By package or file', groups),
    ...list('By our innermost function, with what it calls outside', causes),
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
