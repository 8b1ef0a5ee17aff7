import type { Logger } from 'pino';
import { Counter, Gauge, type Registry } from 'prom-client';
import { readForScrape } from 'service-kit';
import type { SessionCounter } from './domain/ports.ts';
import { REFRESH_OUTCOMES, type RefreshParts } from './domain/refresh.ts';

/** Counting further would make the scrape expensive. */
const COUNT_MAX = 100_000;
/** Twice the life of an access token: a client that is in use refreshes within this time. */
const ACTIVE_WITHIN_MS = 600_000;
/** The gauges `sessions` and `active_users`, counted in the database at each scrape. */
export function observeSessions(registry: Registry, logger: Logger, counter: SessionCounter): void {
  const addGauge = (name: string, help: string, count: (signal: AbortSignal) => Promise<number>) => {
    const failed = `${name} could not be counted; the gauge is missing from this scrape`;
    const read = readForScrape(logger, failed, count);
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const counted = await read();
        if (counted === undefined) this.remove();
        else this.set(counted);
      },
    });
  };
  addGauge('sessions', `Live sessions in the whole database, counted up to ${COUNT_MAX}.`, (signal) =>
    counter.live(COUNT_MAX, { signal }),
  );
  addGauge(
    'active_users',
    `Users who logged in or refreshed within ${ACTIVE_WITHIN_MS / 60_000} minutes, by up to ${COUNT_MAX} sessions.`,
    (signal) => counter.activeUsers(COUNT_MAX, ACTIVE_WITHIN_MS, { signal }),
  );
}

/** `refreshes_total{outcome}`; a reused token is logged too, because it means that somebody holds a copy. */
export function countRefreshes(registry: Registry, logger: Logger): RefreshParts['onRefresh'] {
  const refreshes = new Counter({
    name: 'refreshes_total',
    help: 'Uses of refresh tokens, by outcome: rotated, repeated, reused, refused.',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of REFRESH_OUTCOMES) refreshes.inc({ outcome }, 0);
  return (outcome, sessionID) => {
    refreshes.inc({ outcome });
    if (outcome === 'reused') {
      logger.warn(
        { session_id: sessionID },
        'a refresh token was used again after its successor; its session has ended',
      );
    }
  };
}
