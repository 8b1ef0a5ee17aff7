import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** `heap`: memory allocated during the profile and still held at its end; `allocations`: all memory allocated during it. */
export const PROFILE_KINDS = ['cpu', 'heap', 'allocations'] as const;
export type ProfileKind = (typeof PROFILE_KINDS)[number];

/** V8's default: a thousand samples a second, so ten seconds show a function that takes one percent. */
const CPU_SAMPLING_MICROS = 1_000;
/** V8's default: one sample per so many bytes. */
const HEAP_SAMPLING_BYTES = 32_768;
/** V8's default for frames of a stack; promises and interceptors rarely exceed it. */
const HEAP_STACK_DEPTH = 128;

export function isProfileKind(text: string): text is ProfileKind {
  return PROFILE_KINDS.some((kind) => kind === text);
}

/** File extensions of Chrome's developer tools. */
export function profileExtension(kind: ProfileKind): string {
  return kind === 'cpu' ? 'cpuprofile' : 'heapprofile';
}

/**
 * Profiles this process without opening an inspector port. The signal cancels it.
 * @returns the profile in V8's format, as JSON
 */
export async function takeProfile(kind: ProfileKind, durationMs: number, signal: AbortSignal): Promise<string> {
  const session = new Session();
  session.connect();
  try {
    const profile = await (kind === 'cpu' ? sampleCpu : sampleHeap)(session, kind, () =>
      sleep(durationMs, undefined, { signal }),
    );
    return JSON.stringify(profile);
  } finally {
    // Also stops sampling that is still running.
    session.disconnect();
  }
}

async function sampleCpu(session: Session, _kind: ProfileKind, wait: () => Promise<void>): Promise<unknown> {
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: CPU_SAMPLING_MICROS });
  await session.post('Profiler.start');
  await wait();
  return (await session.post('Profiler.stop')).profile;
}

async function sampleHeap(session: Session, kind: ProfileKind, wait: () => Promise<void>): Promise<unknown> {
  const withCollected = kind === 'allocations';
  await session.post('HeapProfiler.enable');
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: HEAP_SAMPLING_BYTES,
    stackDepth: HEAP_STACK_DEPTH,
    includeObjectsCollectedByMajorGC: withCollected,
    includeObjectsCollectedByMinorGC: withCollected,
  });
  await wait();
  return (await session.post('HeapProfiler.stopSampling')).profile;
}
