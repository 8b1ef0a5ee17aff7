import { type CallFrame, type CpuProfile, groupOf, locationOf, type ProfileWindow, selfTimes } from './cpu-profile.ts';

/** A tree of callers and callees with their costs: microseconds of a CPU profile, bytes of a heap profile. */
export type CallTree = {
  name: string;
  /** File and line; empty for code that is not JavaScript. */
  location: string;
  /** The package or file that the function belongs to. */
  group: string;
  self: number;
  /** Its own cost and that of its callees. */
  total: number;
  /** The most expensive first. */
  children: CallTree[];
};

/** V8's format (https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/#type-SamplingHeapProfile). */
type HeapProfile = { head: HeapNode };
type HeapNode = { callFrame: CallFrame; selfSize: number; children: HeapNode[] };

/** V8's frame for idle time. */
const IDLE = '(idle)';

/** The tree without idle time, and the idle time. */
export function fromCpuProfile(profile: CpuProfile, window?: ProfileWindow): { tree: CallTree; idleMicros: number } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const times = selfTimes(profile, window);
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

const EMPTY: CallTree = { name: '(root)', location: '', group: '', self: 0, total: 0, children: [] };

function toTree(frame: CallFrame, self: number, children: CallTree[]): CallTree {
  return {
    name: frame.functionName || '(anonymous)',
    location: locationOf(frame),
    group: groupOf(frame),
    self,
    total: children.reduce((sum, { total }) => sum + total, self),
    children: children.filter(({ total }) => total > 0).sort((a, b) => b.total - a.total),
  };
}

/** Code of this project: `loms/src/domain/pay-order.ts:12`. */
const PROJECT_CODE = /^[\w-]+\/(src\/|contract\.ts)/;

export function isProjectCode(location: string): boolean {
  return PROJECT_CODE.test(location);
}

type Costs = { functions: Cost[]; groups: Cost[]; causes: Cost[] };
export type Cost = { what: string; cost: number };

/**
 * Sums own costs by function, by package or file, and by the innermost function of ours, which includes its calls to others' code.
 * @param ours matches the locations of our functions
 */
export function sumCosts(tree: CallTree, ours = PROJECT_CODE): Costs {
  const sums = {
    functions: new Map<string, number>(),
    groups: new Map<string, number>(),
    causes: new Map<string, number>(),
  };
  const add = (sum: Map<string, number>, what: string, cost: number): void => {
    if (cost > 0) sum.set(what, (sum.get(what) ?? 0) + cost);
  };
  function walk(node: CallTree, caller: string): void {
    const name = `${node.name}  ${node.location}`.trimEnd();
    const cause = ours.test(node.location) ? name : caller;
    add(sums.functions, name, node.self);
    add(sums.groups, node.group, node.self);
    add(sums.causes, cause, node.self);
    for (const child of node.children) walk(child, cause);
  }
  walk(tree, 'outside of our code');
  const sorted = (sum: Map<string, number>): Cost[] =>
    [...sum].map(([what, cost]) => ({ what, cost })).sort((a, b) => b.cost - a.cost);
  return { functions: sorted(sums.functions), groups: sorted(sums.groups), causes: sorted(sums.causes) };
}
