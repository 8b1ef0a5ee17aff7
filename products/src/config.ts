import { commonVariables, databaseVariables, variable } from 'service-kit';
import { z } from 'zod';

export const productsConfig = z.object({
  PORT: variable.port(8083).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
  ...databaseVariables,
  PRODUCTS_TOKEN: variable.secret().describe('Token that callers must send.'),
});
