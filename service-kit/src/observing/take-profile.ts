import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** `heap` is what was allocated meanwhile and is still held at the end; `allocations` is all that was allocated. */
export const PROFILE_KINDS = ['cpu', 'heap', 'allocations'] as const;
export type ProfileKind = (typeof PROFILE_KINDS)[number];

/** V8's own: a thousand samples a second, of which ten seconds show what takes a percent of them. */
const CPU_SAMPLING_MICROS = 1_000;
/** V8's own: one sample for so many bytes. */
const HEAP_SAMPLING_BYTES = 32_768;
/** Frames of a stack in a heap profile: promises and interceptors make ours deeper than V8's 128 only rarely. */
const HEAP_STACK_DEPTH = 128;

export function isProfileKind(text: string): text is ProfileKind {
  return PROFILE_KINDS.some((kind) => kind === text);
}

/** The endings by which Chrome's developer tools know the files. */
export function profileExtension(kind: ProfileKind): string {
  return kind === 'cpu' ? 'cpuprofile' : 'heapprofile';
}

/**
 * Profiles this process from the inside, without an inspector port. The signal gives it up.
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
    // Ends what is still being sampled, too.
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
