/** A step that is silent for longer than this says that it is still at work. */
const STILL_AT_WORK_MS = 3_000;

/** Runs one step of the start and prints a line for it with the seconds it took. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const timer = setInterval(() => console.log(`  … ${title}: ${seconds(began)} so far`), STILL_AT_WORK_MS);
  try {
    const result = await work();
    console.log(`  ✓ ${title.padEnd(44)} ${seconds(began)}`);
    return result;
  } finally {
    clearInterval(timer);
  }
}

export function seconds(beganAt: number): string {
  return `${((performance.now() - beganAt) / 1000).toFixed(1)} s`;
}
