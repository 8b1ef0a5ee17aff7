import { checkKafka, commonVariables, EVEN_WITH_MISTAKES, kafkaVariables, variable } from 'service-kit';
import { z } from 'zod';

export const notificationsConfig = z
  .object({
    PORT: variable.port(8082).describe('Port to listen on; 0 picks a free one.'),
    ...commonVariables,
    ...kafkaVariables('With them order events are taken from Kafka as well.'),
    JOURNAL_FILE: variable
      .text()
      .optional()
      .describe(
        'The file that every notification is written to exactly once; each replica has its own, %i stands for its host and port. ' +
          'Without it there is no journal.',
      ),
    WEBHOOK_URL: variable
      .httpUrl()
      .optional()
      .describe('Where every notification is posted to, at least once. Without it nothing is posted.'),
    WEBHOOK_SECRET: variable
      .secret()
      .optional()
      .describe('Signs what is posted, by HMAC-SHA-256 in the header X-Signature-256.'),
    HISTORY_CACHE_MAX_AGE_MS: variable
      .cacheAge(500)
      .describe('How long history may lack what another replica has stored; 0 asks the database each time.'),
  })
  .superRefine(checkKafka, EVEN_WITH_MISTAKES);
