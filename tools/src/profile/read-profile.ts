import { readFile, writeFile } from 'node:fs/promises';
import type { ProfileKind } from 'service-kit';
import { type CallTree, fromCpuProfile, fromHeapProfile } from './call-tree.ts';
import { drawFlameGraph } from './flame-graph.ts';
import { formatBytes, formatMicros } from './summary.ts';

export type ReadProfile = {
  tree: CallTree;
  format: (cost: number) => string;
  /** What the costs are, in one sentence. */
  sentence: string;
};

/** Reads a profile that a service has written. */
export async function readProfile(file: string, kind: ProfileKind): Promise<ReadProfile> {
  const profile = JSON.parse(await readFile(file, 'utf8'));
  if (kind !== 'cpu') {
    const tree = fromHeapProfile(profile);
    return { tree, format: formatBytes, sentence: `${formatBytes(tree.total)} in all, estimated from samples` };
  }
  const { tree, idleMicros } = fromCpuProfile(profile);
  const busyShare = tree.total / (tree.total + idleMicros || 1);
  const sentence = `busy for ${formatMicros(tree.total)} (${(busyShare * 100).toFixed(1)} % of the time)`;
  return { tree, format: formatMicros, sentence };
}

/** Writes the flame graph of a profile beside it. @returns the file */
export async function writeFlameGraph(file: string, title: string, profile: ReadProfile): Promise<string> {
  const { tree, format, sentence } = profile;
  const picture = file.replace(/\.\w+$/, '.svg');
  await writeFile(picture, drawFlameGraph(tree, { title, subtitle: sentence, format }), { mode: 0o600 });
  return picture;
}
