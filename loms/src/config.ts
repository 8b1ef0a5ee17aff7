import { commonVariables, variable } from 'service-kit';
import { z } from 'zod';

const TEN_MINUTES_MS = 600_000;

export const lomsConfig = z.object({
  PORT: variable.port(8081).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
  NOTIFICATIONS_URL: variable
    .httpUrls()
    .describe('Where notifications answers; order events are delivered there. Several, by commas, share the calls.'),
  ORDER_PAYMENT_TIMEOUT_MS: variable
    .milliseconds(TEN_MINUTES_MS)
    .describe('How long an order may await payment before it is cancelled.'),
  OUTBOX_KEPT_HOURS: variable.count(24).describe('How long an event is kept after it was delivered.'),
  OPERATIONS_KEPT_DAYS: variable.count(30).describe('How long the journal of operations goes back.'),
});
