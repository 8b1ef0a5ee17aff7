import { commonVariables, KEPT_DAYS, variable } from 'service-kit';
import { z } from 'zod';

export const checkoutConfig = z.object({
  PORT: variable.port(8080).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
  LOMS_URL: variable
    .httpUrls()
    .describe(
      'Where loms answers. Several, by commas, share the calls; `dns+http://loms:8081` is all addresses behind the name.',
    ),
  PRODUCTS_URL: variable
    .httpUrls()
    .describe('Where the product service answers: ours, or the original one, which speaks plain `POST /get_product`.'),
  PRODUCTS_TOKEN: variable.secret().describe('The token for the product service.'),
  PRODUCTS_LIMIT_SHARED: variable
    .choice(['off', 'on'], 'off')
    .describe(
      'On: all replicas together keep the limit of the product service, through the database. Off: each its own.',
    ),
  PRODUCT_CACHE_MAX_AGE_MS: variable
    .cacheAge(1_000)
    .describe('How old the names and prices in listCart may be; 0 asks for each anew.'),
  OPERATIONS_KEPT_DAYS: variable.whole(30, KEPT_DAYS).describe('How long the journal of operations goes back.'),
});
