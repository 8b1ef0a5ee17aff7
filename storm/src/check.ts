import {
  checkInvariants,
  drained,
  HistoryError,
  loadHistory,
  loadJournals,
  openSources,
  reportLines,
  SourceError,
  type StockWatch,
} from 'invariants';
import { Failure, type RunningMesh, shortPath } from 'mesh';

interface CheckParts {
  readonly mesh: RunningMesh;
  readonly historyPath: string;
  /** The checks of the stock while the load ran. */
  readonly watching: Promise<StockWatch>;
  /** Further secrets that no log may contain. */
  readonly secrets: readonly string[];
  readonly paymentTimeoutMs: number;
  say(text: string): void;
}

/** Events and purchases that back off after a failure are retried within a minute. */
const DRAIN_TIMEOUT_MS = 90_000;

/** Waits until the queues have drained, checks every rule and prints the report. Resolves to whether all rules hold. */
export async function checkMesh(parts: CheckParts): Promise<boolean> {
  try {
    return await drainAndCheck(parts);
  } catch (error) {
    if (!isConnectionFailure(error)) throw error;
    const command = `make check-invariants HISTORY=${shortPath(parts.historyPath)}`;
    throw new Failure(
      `The databases of the mesh do not answer, so no rule is checked: start the mesh with make run-all, then run ${command}.`,
    );
  }
}

/** Of the connection, and of a Postgres that is stopping or starting. */
const CONNECTION_FAILURES = new Set(['ECONNREFUSED', 'ECONNRESET', '57P01', '57P02', '57P03']);

function isConnectionFailure(error: unknown): boolean {
  if (error instanceof SourceError) return true;
  const { code, message } = error as NodeJS.ErrnoException;
  // pg's error has no code when the server closes the connection without an error message.
  return CONNECTION_FAILURES.has(code ?? '') || message.startsWith('Connection terminated');
}

async function drainAndCheck(parts: CheckParts): Promise<boolean> {
  const { mesh, historyPath, watching, paymentTimeoutMs, say } = parts;
  const stockWatch = await watching;
  say('Waiting until the queues have drained …');
  const { left } = await drained(mesh.databaseUrls, {
    timeoutMs: DRAIN_TIMEOUT_MS,
    onProgress: (left) => say(`  … ${left}`),
  });
  if (left !== '') say(`Not drained within ${DRAIN_TIMEOUT_MS / 1_000} s: ${left}.`);
  const history = await readHistory(historyPath);
  await using opened = await openSources(mesh.databaseUrls);
  const logs = { folder: mesh.logs, secrets: [...mesh.secrets, ...parts.secrets] };
  // While notifications writes, the last line of a journal may be incomplete.
  const journal = left === '' ? await loadJournals(mesh.journals) : undefined;
  const sources = { ...opened.sources, history, stockWatch, logs, journal };
  const verdicts = await checkInvariants(sources, { paymentTimeoutMs });
  for (const line of reportLines(verdicts, { colours: process.stdout.isTTY })) say(line);
  return left === '' && verdicts.every(({ verdict }) => verdict !== 'broken');
}

async function readHistory(path: string) {
  try {
    return await loadHistory(path);
  } catch (error) {
    throw error instanceof HistoryError ? new Failure(error.message) : error;
  }
}
