import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, type Database, forgetFullBuckets, startBackground } from 'service-kit';
import { forgetAuditEvents } from './repository/audit.ts';
import { forgetFailures } from './repository/login-failures.ts';
import { forgetRevocations } from './repository/revocations.ts';
import { forgetSessions } from './repository/sessions.ts';

export interface CleaningParts {
  readonly database: Database;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Deletes forgotten failures of logins, and audited events after their retention. */
export function startUserCleaning(parts: CleaningParts, auditKeptDays: number): Background {
  const { database } = parts;
  return startCleaning('forget login failures', parts, [
    (signal) => forgetFailures(database, signal),
    (signal) => forgetAuditEvents(database, auditKeptDays, signal),
  ]);
}

/** Deletes ended sessions after their retention, and revocations and token buckets that mean nothing any more. */
export function startSessionCleaning(parts: CleaningParts, sessionsKeptDays: number): Background {
  const { database } = parts;
  return startCleaning('forget ended sessions', parts, [
    (signal) => forgetSessions(database, sessionsKeptDays, signal),
    (signal) => forgetRevocations(database, signal),
    (signal) => forgetFullBuckets(database, signal),
  ]);
}

const IDLE_MS = 60_000;

/** Deletes a batch of old rows, and answers whether there may be more of them. */
type Forget = (signal: AbortSignal) => Promise<boolean>;

function startCleaning(name: string, { logger, registry }: CleaningParts, steps: readonly Forget[]): Background {
  return startBackground({
    name,
    logger,
    registry,
    idleMs: IDLE_MS,
    async round(signal) {
      let isMore = false;
      for (const forget of steps) isMore = (await forget(signal)) || isMore;
      return isMore;
    },
  });
}
