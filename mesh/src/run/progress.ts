/** A longer step prints that it is still running. */
const STILL_RUNNING_MS = 3_000;

/** Runs one step and prints a line with its duration. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const timer = setInterval(() => console.log(`  … ${title}: ${seconds(began)} so far`), STILL_RUNNING_MS);
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

/** Prints a line between two steps. */
export function say(text: string): void {
  console.log(`  · ${text}`);
}
