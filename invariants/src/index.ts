/** Checks the rules that must hold after any crash, retry, race or overload. */

export {
  assertInvariants,
  type CheckOptions,
  checkInvariants,
  findBroken,
  RULES,
  type Verdict,
  type Violation,
} from './check.ts';
export { type Drain, type DrainOptions, drained } from './drain.ts';
export { HistoryError, loadHistory, type Operation, readHistory, toHistoryLine } from './history.ts';
export { type Delivery, JournalError, loadJournals } from './journal.ts';
export type { LogSearch } from './log-search.ts';
export { reportLines } from './report.ts';
export type { Sources } from './rule.ts';
export { type DatabaseUrls, openSnapshot, openSources, type Query, type Row, SourceError } from './snapshot.ts';
export { type StockWatch, watchStock } from './stock-watch.ts';
