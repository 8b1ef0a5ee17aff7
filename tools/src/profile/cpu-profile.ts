/** V8's format (https://chromedevtools.github.io/devtools-protocol/v8/Profiler/#type-Profile); times in microseconds. */
export type CpuProfile = {
  nodes: readonly ProfileNode[];
  startTime: number;
  samples: readonly number[];
  timeDeltas: readonly number[];
};

type ProfileNode = { id: number; callFrame: CallFrame; children?: readonly number[] };

/** A function as V8 names it; lines count from 0. */
export type CallFrame = { functionName: string; url: string; lineNumber: number };

/** A part of a profile, in microseconds on the profile's clock. */
export type ProfileWindow = { from: number; to: number };

const WHOLE: ProfileWindow = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

/** Microseconds by node. A sample counts for the time until the next one. */
export function selfTimes(profile: CpuProfile, { from, to }: ProfileWindow = WHOLE): Map<number, number> {
  const { samples, timeDeltas, startTime } = profile;
  const times = new Map<number, number>();
  let at = startTime + (timeDeltas[0] ?? 0);
  for (const [index, id] of samples.entries()) {
    const micros = timeDeltas[index + 1] ?? 0;
    if (at >= from && at < to) times.set(id, (times.get(id) ?? 0) + micros);
    at += micros;
  }
  return times;
}

/** File and line, without the folders above the package; empty for code that is not JavaScript. */
export function locationOf({ url, lineNumber }: CallFrame): string {
  return url === '' ? '' : `${shortened(url)}:${lineNumber + 1}`;
}

/** The package or the file that a function belongs to. */
export function groupOf({ url, functionName }: CallFrame): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  return /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(url)?.[1] ?? shortened(url);
}

function shortened(url: string): string {
  return url.replace(
    /^(file:\/\/)?\/.*\/(?=[\w-]+\/(src\/|contract\.ts)|benchmarks\/|node_modules\/(?!.*node_modules\/))/,
    '',
  );
}
