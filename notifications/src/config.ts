import {
  checkKafka,
  commonVariables,
  EVEN_WITH_MISTAKES,
  kafkaVariables,
  serviceVariables,
  variable,
} from 'service-kit';
import { z } from 'zod';
import type { DeliveryTarget } from './repository/deliveries.ts';

export const notificationsConfig = z
  .object({
    PORT: variable.port(8082).describe('Port to listen on; 0 picks a free one.'),
    ...commonVariables,
    ...serviceVariables,
    ...kafkaVariables('If set, order events are consumed from Kafka as well.'),
    JOURNAL_FILE: variable
      .text()
      .optional()
      .describe(
        'The file that every notification is written to exactly once. Each replica needs its own; %i is replaced by its host and port. ' +
          'Unset: no journal.',
      ),
    WEBHOOK_URL: variable
      .httpUrl()
      .optional()
      .describe('URL that every notification is posted to at least once. Unset: no webhook.'),
    WEBHOOK_SECRET: variable
      .secret()
      .optional()
      .describe('Key of the HMAC-SHA-256 of each body, sent in the header X-Signature-256. Unset: no signature.'),
    HISTORY_CACHE_MAX_AGE_MS: variable
      .cacheAge(500)
      .describe(
        'Milliseconds that history may lag behind what another replica has stored. 0 reads the database each time.',
      ),
  })
  .superRefine(checkKafka, EVEN_WITH_MISTAKES);

/** The targets that each notification is queued for. */
export function configuredTargets({
  JOURNAL_FILE,
  WEBHOOK_URL,
}: Pick<z.output<typeof notificationsConfig>, 'JOURNAL_FILE' | 'WEBHOOK_URL'>): DeliveryTarget[] {
  const targets: DeliveryTarget[] = [];
  if (JOURNAL_FILE !== undefined) targets.push('journal');
  if (WEBHOOK_URL !== undefined) targets.push('webhook');
  return targets;
}
