import { type CallFrame, type CpuProfile, groupOf, placeOf, selfTimes } from 'benchmarks/cpu-profile';

/** Who called whom, and what it cost: microseconds of a CPU profile, bytes of a heap profile. */
export type CallTree = {
  name: string;
  /** File and line; empty for what is no JavaScript. */
  place: string;
  origin: Origin;
  /** The package or file that the function belongs to. */
  group: string;
  self: number;
  /** With all that it called. */
  total: number;
  /** The dearest first. */
  children: CallTree[];
};

export const ORIGINS = ['service', 'kit', 'package', 'node', 'engine'] as const;
export type Origin = (typeof ORIGINS)[number];

/** What V8 writes (https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/#type-SamplingHeapProfile). */
export type HeapProfile = { head: HeapNode };
type HeapNode = { callFrame: CallFrame; selfSize: number; children: HeapNode[] };

/** Frames of V8 that stand for a process that had nothing to do. */
const IDLE = '(idle)';

/** The tree without the time at rest, and that time. */
export function fromCpuProfile(profile: CpuProfile): { tree: CallTree; idleMicros: number } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const times = selfTimes(profile);
  const idleMicros = profile.nodes
    .filter(({ callFrame }) => callFrame.functionName === IDLE)
    .reduce((sum, { id }) => sum + (times.get(id) ?? 0), 0);

  function grow(id: number): CallTree[] {
    const node = nodes.get(id);
    if (node === undefined || node.callFrame.functionName === IDLE) return [];
    return [toTree(node.callFrame, times.get(id) ?? 0, (node.children ?? []).flatMap(grow))];
  }
  const [root] = profile.nodes.slice(0, 1).flatMap(({ id }) => grow(id));
  return { tree: root ?? EMPTY, idleMicros };
}

export function fromHeapProfile({ head }: HeapProfile): CallTree {
  return toTree(
    head.callFrame,
    head.selfSize,
    head.children.map((child) => fromHeapProfile({ head: child })),
  );
}

const EMPTY: CallTree = { name: '(root)', place: '', origin: 'engine', group: '', self: 0, total: 0, children: [] };

function toTree(frame: CallFrame, self: number, children: CallTree[]): CallTree {
  return {
    name: frame.functionName || '(anonymous)',
    place: placeOf(frame),
    origin: originOf(frame.url),
    group: groupOf(frame),
    self,
    total: children.reduce((sum, { total }) => sum + total, self),
    children: children.filter(({ total }) => total > 0).sort((a, b) => b.total - a.total),
  };
}

function originOf(url: string): Origin {
  if (url === '') return 'engine';
  if (url.startsWith('node:')) return 'node';
  if (url.includes('/node_modules/')) return 'package';
  return /\/(rpc-kit|service-kit|worker-pool)\/src\//.test(url) ? 'kit' : 'service';
}

export type Costs = { functions: Cost[]; groups: Cost[]; causes: Cost[] };
export type Cost = { what: string; cost: number };

/** Own costs by function and by package or file; and by the innermost function of ours, with what it calls outside. */
export function sumCosts(tree: CallTree): Costs {
  const sums = {
    functions: new Map<string, number>(),
    groups: new Map<string, number>(),
    causes: new Map<string, number>(),
  };
  const add = (sum: Map<string, number>, what: string, cost: number): void => {
    if (cost > 0) sum.set(what, (sum.get(what) ?? 0) + cost);
  };
  function walk(node: CallTree, caller: string): void {
    const name = `${node.name}  ${node.place}`.trimEnd();
    const cause = node.origin === 'service' || node.origin === 'kit' ? name : caller;
    add(sums.functions, name, node.self);
    add(sums.groups, node.group, node.self);
    add(sums.causes, cause, node.self);
    for (const child of node.children) walk(child, cause);
  }
  walk(tree, 'called by none of ours');
  const sorted = (sum: Map<string, number>): Cost[] =>
    [...sum].map(([what, cost]) => ({ what, cost })).sort((a, b) => b.cost - a.cost);
  return { functions: sorted(sums.functions), groups: sorted(sums.groups), causes: sorted(sums.causes) };
}
