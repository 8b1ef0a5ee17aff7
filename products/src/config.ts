import { commonVariables, KEPT_DAYS, serviceVariables, variable } from 'service-kit';
import { z } from 'zod';

export const productsConfig = z.object({
  PORT: variable.port(8083).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
  ...serviceVariables,
  PRODUCTS_TOKEN: variable.secret().describe('Token that callers of get_product and list_skus must send.'),
  OPERATIONS_KEPT_DAYS: variable.whole(30, KEPT_DAYS).describe('Retention of the journal of operations, in days.'),
});
