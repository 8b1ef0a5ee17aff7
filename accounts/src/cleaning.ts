import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Background, type Database, startBackground } from 'service-kit';
import { forgetAuditEvents } from './repository/audit.ts';
import { forgetFailures } from './repository/login-failures.ts';

const IDLE_MS = 60_000;

/** Deletes forgotten failures of logins, and audited events after their retention. */
export function startUserCleaning(
  database: Database,
  auditKeptDays: number,
  logger: Logger,
  registry: Registry,
): Background {
  return startBackground({
    name: 'forget login failures',
    logger,
    registry,
    idleMs: IDLE_MS,
    async round(signal) {
      const more = [await forgetFailures(database, signal), await forgetAuditEvents(database, auditKeptDays, signal)];
      return more.includes(true);
    },
  });
}
