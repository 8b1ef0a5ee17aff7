/** Checks what must hold after any crash, retry, race or overload. */

export { assertInvariants, findBroken } from './assert.ts';
export { type CheckOptions, checkInvariants, type Verdict, type Violation } from './check.ts';
export { type Drain, type DrainOptions, drained } from './drain.ts';
export { HistoryError, type Operation, operation, readHistory, TRANSPORT_REASONS, toHistoryLine } from './history.ts';
export { type Delivery, JournalError, loadJournals } from './journal.ts';
export { loadHistory } from './load-history.ts';
export type { LogSearch } from './log-search.ts';
export { type DatabaseUrls, type OpenSources, openSources } from './open-sources.ts';
export type { Query, Row } from './query.ts';
export { type ReportOptions, reportLines, summaryOf } from './report.ts';
export type { Rule, Settings, Source, Sources } from './rule.ts';
export { RULES } from './rules.ts';
export { openSnapshot, type Snapshot, SourceError } from './snapshot.ts';
export { type StockWatch, type StockWatcher, watchStock } from './stock-watch.ts';
