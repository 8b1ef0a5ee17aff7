import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What V8 writes (https://chromedevtools.github.io/devtools-protocol/v8/Profiler/#type-Profile); times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A function as V8 names it; lines count from 0. */
export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children?: readonly number[];
}

const SAMPLING_MICROS = 200;
const LINES_SHOWN = 30;

/** The options of a Node process that leaves its profile in the folder when it ends. */
export function profiling(folder: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${SAMPLING_MICROS}`];
}

export async function readProfile(folder: string): Promise<CpuProfile> {
  const [file = ''] = await readdir(folder);
  return JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile;
}

interface Described {
  /** The part of the profile that counts. */
  readonly window: Window;
  readonly cpuMicrosPerCall: number;
  /** Whose functions the time is laid to. */
  readonly ours: { readonly name: string; readonly files: RegExp };
}

/** The profile's clock. */
export function hrtimeMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

/**
 * The profiler samples by the clock, also while the process waits for a processor. So only the shares come from it; times
 * are shares of the CPU time that the system has counted.
 */
export function describeProfile(found: CpuProfile, { window, cpuMicrosPerCall, ours }: Described): string[] {
  const nodes = new Map(found.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    found.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const functions = new Map<string, number>();
  const files = new Map<string, number>();
  const causes = new Map<string, number>();
  let busyMicros = 0;
  for (const [id, micros] of selfTimes(found, window)) {
    const node = nodes.get(id);
    if (!node || node.callFrame.functionName === '(idle)') continue;
    busyMicros += micros;
    add(functions, nameOf(node.callFrame), micros);
    add(files, groupOf(node.callFrame), micros);
    add(causes, causeOf(node, nodes, parents, ours), micros);
  }
  const line = ([what, micros]: readonly [string, number]): string => {
    const share = micros / busyMicros;
    return `${(share * 100).toFixed(1).padStart(6)} %  ${(share * cpuMicrosPerCall).toFixed(2).padStart(7)} µs  ${what}`;
  };
  const top = (times: Map<string, number>): string[] =>
    [...times]
      .sort(([, a], [, b]) => b - a)
      .slice(0, LINES_SHOWN)
      .map(line);
  return [
    `${cpuMicrosPerCall.toFixed(1)} µs of CPU time a call, with the profiler's own cost`,
    '\nSelf time by function',
    ...top(functions),
    '\nSelf time by package or file',
    ...top(files),
    `\nTime by the innermost function of ${ours.name} on the stack, with all that it calls outside`,
    ...top(causes),
  ];
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

const ALL: Window = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** Microseconds by node. A sample stands for the time until the next one. */
export function selfTimes({ samples, timeDeltas, startTime }: CpuProfile, { from, to } = ALL): Map<number, number> {
  const times = new Map<number, number>();
  let at = startTime + (timeDeltas[0] ?? 0);
  for (const [index, id] of samples.entries()) {
    const micros = timeDeltas[index + 1] ?? 0;
    if (at >= from && at < to) add(times, id, micros);
    at += micros;
  }
  return times;
}

function add<K>(times: Map<K, number>, key: K, micros: number): void {
  times.set(key, (times.get(key) ?? 0) + micros);
}

/** A function with its place. */
export function nameOf(frame: CallFrame): string {
  return `${frame.functionName || '(anonymous)'}  ${placeOf(frame)}`;
}

export function placeOf({ url, lineNumber }: CallFrame): string {
  return url === '' ? '' : `${shortened(url)}:${lineNumber + 1}`;
}

/** The package or the file that a function belongs to. */
export function groupOf({ url, functionName }: CallFrame): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  return /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(url)?.[1] ?? shortened(url);
}

function causeOf(
  node: ProfileNode,
  nodes: Map<number, ProfileNode>,
  parents: Map<number, number>,
  ours: Described['ours'],
): string {
  for (let at: ProfileNode | undefined = node; at; at = nodes.get(parents.get(at.id) ?? -1)) {
    if (ours.files.test(at.callFrame.url)) return nameOf(at.callFrame);
  }
  return `outside of ${ours.name}: ${groupOf(node.callFrame)}`;
}

function shortened(url: string): string {
  return url.replace(
    /^(file:\/\/)?\/.*\/(?=[\w-]+\/(src\/|benchmarks\/|contract\.ts)|node_modules\/(?!.*node_modules\/))/,
    '',
  );
}
