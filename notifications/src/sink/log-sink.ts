import type { Logger } from 'pino';
import type { Sink } from '../domain/ports.ts';

/** One line for each notification. */
export function createLogSink(logger: Logger): Sink {
  return {
    async send({ user, orderID, seq, status, text }) {
      // As text, because most readers of JSON would round a number of 19 digits.
      logger.info({ user: String(user), order_id: String(orderID), seq, status, text }, 'notification');
    },
  };
}
