import {
  checkInvariants,
  drained,
  HistoryError,
  loadHistory,
  loadJournals,
  openSources,
  reportLines,
  type StockWatch,
} from 'invariants';
import { Failure, type RunningMesh } from 'mesh';

interface CheckParts {
  readonly mesh: RunningMesh;
  readonly historyPath: string;
  /** What was seen of the stock while the load ran. */
  readonly watching: Promise<StockWatch>;
  readonly paymentTimeoutMs: number;
  say(text: string): void;
}

/** Events and purchases that rest after a failure come again within a minute. */
const DRAIN_TIMEOUT_MS = 90_000;

/** Waits until nothing is under way any more, looks at every rule and says what it found; answers whether all hold. */
export async function checkMesh(parts: CheckParts): Promise<boolean> {
  try {
    return await drainAndCheck(parts);
  } catch (error) {
    if (!isGone(error)) throw error;
    throw new Failure(
      'The databases of the mesh cannot be reached: if it was stopped, start it and call make storm again.',
    );
  }
}

/** Of the connection, and of a Postgres that is shutting down or starting. */
const GONE = new Set(['ECONNREFUSED', 'ECONNRESET', '57P01', '57P02', '57P03']);

function isGone(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  // pg gives no code to a connection that ends without a word.
  return GONE.has(code ?? '') || message.startsWith('Connection terminated');
}

async function drainAndCheck({ mesh, historyPath, watching, paymentTimeoutMs, say }: CheckParts): Promise<boolean> {
  const stockWatch = await watching;
  say('Waiting until the queues have drained …');
  const { left } = await drained(mesh.databaseUrls, {
    timeoutMs: DRAIN_TIMEOUT_MS,
    onProgress: (still) => say(`  … ${still}`),
  });
  if (left !== '') say(`After ${DRAIN_TIMEOUT_MS / 1_000} s there are still ${left}.`);
  const history = await readHistory(historyPath);
  await using opened = await openSources(mesh.databaseUrls);
  const logs = { folder: mesh.logs, secrets: passwordsOf(mesh) };
  // What is still being written would read like a line that was cut off.
  const journal = left === '' ? await loadJournals(mesh.journals) : undefined;
  const sources = { ...opened.sources, history, stockWatch, logs, journal };
  const verdicts = await checkInvariants(sources, { paymentTimeoutMs });
  for (const line of reportLines(verdicts, { colours: process.stdout.isTTY })) say(line);
  return left === '' && verdicts.every(({ verdict }) => verdict !== 'broken');
}

/** Whatever the storm has made the services say, their passwords must not stand in it. */
function passwordsOf({ databaseUrls }: RunningMesh): string[] {
  return Object.values(databaseUrls).map((url) => new URL(url).password);
}

async function readHistory(path: string) {
  try {
    return await loadHistory(path);
  } catch (error) {
    throw error instanceof HistoryError ? new Failure(error.message) : error;
  }
}
