import { readFile } from 'node:fs/promises';
import type { Database } from 'service-kit';
import { percentile } from '../harness/figure.ts';

/** A span of time, by Date.now(). */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface EventFigures {
  readonly made: number;
  /** Made and delivered within the span. */
  readonly delivered: number;
  /** Of all that were made in it, to their journal entry, also after its end. */
  readonly lagP50Ms: number;
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
  /** Not in the journal when it was read. */
  readonly missing: number;
  /** Made and not yet delivered: the greatest number, and the number at the end of each tenth of the span. */
  readonly backlogMax: number;
  readonly backlogs: readonly number[];
}

const TENTHS = 10;

/**
 * By the times in the outbox and in the journal, so that nothing is asked while orders are made. An event's time is that of its change, some
 * statements before its commit, so a lag is a little longer than the time since the commit.
 */
export async function readEvents(database: Database, journal: string, span: Span): Promise<EventFigures> {
  const made = await readMade(database, span);
  const entries = (await readJournal(journal)).filter(({ madeAt }) => isWithin(madeAt, span));
  const lags = entries.map(({ madeAt, journaledAt }) => journaledAt - madeAt).sort((a, b) => a - b);
  const lag = (share: number): number => percentile(lags, share);
  const delivered = entries.map(({ journaledAt }) => journaledAt).sort((a, b) => a - b);
  return {
    made: made.length,
    delivered: delivered.filter((at) => at <= span.to).length,
    lagP50Ms: lag(0.5),
    lagP99Ms: lag(0.99),
    lagMaxMs: lag(1),
    missing: made.length - entries.length,
    ...readBacklogs(made, delivered, span),
  };
}

/** @param made and `delivered` ascend */
function readBacklogs(made: readonly number[], delivered: readonly number[], { from, to }: Span) {
  const backlogs: number[] = [];
  let [backlogMax, gone] = [0, 0];
  for (const [index, at] of made.entries()) {
    while ((delivered[gone] ?? Number.POSITIVE_INFINITY) <= at) gone++;
    const tenth = Math.floor(((at - from) / (to - from)) * TENTHS);
    backlogs[Math.min(tenth, TENTHS - 1)] = index + 1 - gone;
    backlogMax = Math.max(backlogMax, index + 1 - gone);
  }
  return { backlogMax, backlogs };
}

async function readMade(database: Database, { from, to }: Span): Promise<number[]> {
  const rows = await database.query(
    `SELECT floor(1000 * extract(epoch FROM changed_at))::float8 AS at FROM outbox
     WHERE changed_at BETWEEN to_timestamp(${from} / 1000.0) AND to_timestamp(${to} / 1000.0) ORDER BY changed_at`,
  );
  return rows.map(({ at }) => Number(at));
}

interface Delivery {
  readonly madeAt: number;
  readonly journaledAt: number;
}

async function readJournal(journal: string): Promise<Delivery[]> {
  const [, ...lines] = (await readFile(journal, 'utf8')).trimEnd().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { at: string; journaledAt: string })
    .map(({ at, journaledAt }) => ({ madeAt: Date.parse(at), journaledAt: Date.parse(journaledAt) }));
}

/** The events that were delivered within the span, whenever they were made. */
export async function countDelivered(journal: string, span: Span): Promise<{ events: number; seconds: number }> {
  const times = (await readJournal(journal)).map(({ journaledAt }) => journaledAt).filter((at) => isWithin(at, span));
  const [first = 0, last = 0] = [times.at(0), times.at(-1)];
  return { events: times.length, seconds: (last - first) / 1_000 };
}

function isWithin(at: number, { from, to }: Span): boolean {
  return at >= from && at <= to;
}

/** Waits until no event is undelivered. @returns the number that is left after the time */
export async function untilDelivered(database: Database, timeoutMs: number): Promise<number> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const [row] = await database.query('SELECT count(*)::int AS left FROM outbox WHERE delivered_at IS NULL');
    const left = Number(row?.left);
    if (left === 0 || performance.now() > until) return left;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

const POLL_MS = 100;
