import { parseArgs } from 'node:util';
import {
  checkInvariants,
  type DatabaseUrls,
  drained,
  HistoryError,
  JournalError,
  type LogSearch,
  loadHistory,
  loadJournals,
  openSources,
  reportLines,
  SourceError,
} from 'invariants';
import { DEFAULT_PRODUCTS_TOKEN, Failure, findRunningMesh, runScript } from 'mesh';
import { describeWrong } from 'rpc-kit/urls';
import { describeWhole, parseWhole } from 'rpc-kit/whole-number';
import { parseDatabaseUrl } from 'service-kit';

/**
 * `make check-invariants`: waits until the mesh has drained, checks every invariant and prints a line for each. It checks the
 * running mesh, or the databases that the environment names.
 */

/** Events and purchases are retried within a minute after a failure. */
const DRAIN_TIMEOUT_S = 90;
/** A day: a longer backlog never drains. */
const DRAIN_TIMEOUT_S_MAX = 86_400;
const PAYMENT_TIMEOUT_MS = 600_000;
/** As in the configuration of loms. */
const PAYMENT_TIMEOUT_MAX_MS = 2_147_483_647;
const USAGE =
  'Usage: make check-invariants [HISTORY=file], or node tools/src/check-invariants.ts [--drain-timeout seconds].';

type Surroundings = { urls: DatabaseUrls; logs: LogSearch | undefined; journals: string | undefined };

function findSurroundings(environment: NodeJS.ProcessEnv): Surroundings {
  const {
    LOMS_DATABASE_URL: loms,
    CHECKOUT_DATABASE_URL: checkout,
    NOTIFICATIONS_DATABASE_URL: notifications,
    PRODUCTS_DATABASE_URL: products,
    ACCOUNTS_DATABASE_URL: accounts,
  } = environment;
  const given = (environment.SECRETS ?? '').split(',').filter((secret) => secret !== '');
  if (loms || checkout || notifications || products || accounts) {
    const urls = {
      loms: readUrl('LOMS_DATABASE_URL', loms),
      checkout: readUrl('CHECKOUT_DATABASE_URL', checkout),
      notifications: readUrl('NOTIFICATIONS_DATABASE_URL', notifications),
      products: readUrl('PRODUCTS_DATABASE_URL', products),
      accounts: readUrl('ACCOUNTS_DATABASE_URL', accounts),
    };
    const logs = environment.LOGS ? { folder: environment.LOGS, secrets: given } : undefined;
    return { urls, logs, journals: environment.JOURNALS || undefined };
  }
  const { databaseUrls, secrets: known, logs, journals } = findMesh(environment);
  const secrets = [...known, environment.PRODUCTS_TOKEN || DEFAULT_PRODUCTS_TOKEN, ...given];
  const search = { folder: environment.LOGS || logs, secrets };
  return { urls: databaseUrls, logs: search, journals: environment.JOURNALS || journals };
}

function findMesh(environment: NodeJS.ProcessEnv): ReturnType<typeof findRunningMesh> {
  try {
    return findRunningMesh(environment);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const others =
      'Databases elsewhere: LOMS_DATABASE_URL, CHECKOUT_DATABASE_URL, NOTIFICATIONS_DATABASE_URL, PRODUCTS_DATABASE_URL and ACCOUNTS_DATABASE_URL.';
    throw new Failure(`${error.message} ${others}`);
  }
}

function readWhole(name: string, text: string, max: number): number {
  const range = { min: 0, max };
  const number = parseWhole(text, range);
  if (number !== undefined) return number;
  throw new Failure(`${name} ${describeWrong(text, describeWhole(range))}. ${USAGE}`);
}

function readUrl(name: string, text: string | undefined): string | undefined {
  try {
    return text ? parseDatabaseUrl(text) : undefined;
  } catch (error) {
    throw new Failure(`${name} is wrong: ${(error as Error).message}.`);
  }
}

function readDrainTimeoutMs(): number {
  try {
    const { values } = parseArgs({ options: { 'drain-timeout': { type: 'string' } } });
    return (
      readWhole('--drain-timeout', values['drain-timeout'] ?? String(DRAIN_TIMEOUT_S), DRAIN_TIMEOUT_S_MAX) * 1_000
    );
  } catch (error) {
    throw error instanceof Failure ? error : new Failure(USAGE);
  }
}

/** On standard error: standard output is the report only. */
const say = (text: string): void => console.error(text);

async function check(): Promise<number> {
  const timeoutMs = readDrainTimeoutMs();
  const paymentTimeout = process.env.ORDER_PAYMENT_TIMEOUT_MS || String(PAYMENT_TIMEOUT_MS);
  const paymentTimeoutMs = readWhole('ORDER_PAYMENT_TIMEOUT_MS', paymentTimeout, PAYMENT_TIMEOUT_MAX_MS);
  const history = process.env.HISTORY ? await loadHistory(process.env.HISTORY) : undefined;
  const { urls, logs, journals } = findSurroundings(process.env);
  say('Waiting until the mesh has drained …');
  const { left, stockWatch } = await drained(urls, { timeoutMs, onProgress: (still) => say(`  … ${still}`) });
  await using opened = await openSources(urls);
  // A journal that is still written would end with an incomplete line.
  const journal = journals === undefined || left !== '' ? undefined : await loadJournals(journals);
  const sources = { ...opened.sources, history, logs, stockWatch, journal };
  const verdicts = await checkInvariants(sources, { paymentTimeoutMs });
  for (const line of reportLines(verdicts, { colours: process.stdout.isTTY })) console.log(line);
  if (left !== '') console.log(`Not drained within ${timeoutMs / 1_000} s: ${left}.`);
  return left !== '' || verdicts.some(({ verdict }) => verdict === 'broken') ? 1 : 0;
}

await runScript(async () => {
  try {
    return await check();
  } catch (error) {
    if (error instanceof HistoryError || error instanceof JournalError) throw new Failure(error.message);
    const { code, message } = error as NodeJS.ErrnoException;
    if (error instanceof Failure || (code === undefined && !(error instanceof SourceError))) throw error;
    throw new Failure(`A database or file cannot be read (${message || code}): does the mesh run, and is it migrated?`);
  }
});
