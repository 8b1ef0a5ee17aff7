/**
 * Runs items together. If the fault of one of them may have failed them all, each half runs again by itself, so one bad item among n costs
 * some 2 log n runs and fails alone.
 *
 * @param run runs the items whole or not at all
 * @param onFailed receives items that failed by an error that is no item's fault, or the bad item alone. An error that it throws
 *   ends the call
 */
export async function runInHalves<Item>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<void>,
  isFaultOfItem: (error: unknown) => boolean,
  onFailed: (items: readonly Item[], error: unknown) => void,
): Promise<void> {
  try {
    await run(items);
  } catch (error) {
    if (items.length === 1 || !isFaultOfItem(error)) {
      onFailed(items, error);
      return;
    }
    const half = Math.ceil(items.length / 2);
    await runInHalves(items.slice(0, half), run, isFaultOfItem, onFailed);
    await runInHalves(items.slice(half), run, isFaultOfItem, onFailed);
  }
}
