import { commonVariables, variable } from 'service-kit';
import { z } from 'zod';

export const notificationsConfig = z.object({
  PORT: variable.port(8082).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
});
