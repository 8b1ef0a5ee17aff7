import type { Logger } from 'pino';

export interface Reachability {
  onAccepted(): void;
  onRefused(error: unknown): void;
}

/** One line when a receiver of events stops accepting them, and one when it accepts them again. */
export function logReachability(logger: Logger, receiver: string): Reachability {
  let state: 'unknown' | 'accepting' | 'refusing' = 'unknown';
  return {
    onAccepted() {
      if (state !== 'accepting') logger.info(`${receiver} accepts events`);
      state = 'accepting';
    },
    onRefused(err) {
      if (state !== 'refusing')
        logger.warn({ err }, `${receiver} accepts no events: they stay in the outbox until it does`);
      state = 'refusing';
    },
  };
}
