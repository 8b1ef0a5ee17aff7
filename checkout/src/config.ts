import { commonVariables, KEPT_DAYS, peerVariables, serviceVariables, variable } from 'service-kit';
import { z } from 'zod';

export const checkoutConfig = z.object({
  PORT: variable.port(8080).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
  ...serviceVariables,
  ...peerVariables,
  LOMS_URL: variable
    .peerUrls()
    .describe(
      'URLs of loms, separated by commas; calls are balanced over them. `dns+http://loms:8081` (or `dns+https`) means all addresses of the name.',
    ),
  PRODUCTS_URL: variable
    .peerUrls()
    .describe('URLs of the product service: ours, or the original one, which speaks plain `POST /get_product`.'),
  PRODUCTS_TOKEN: variable.secret().describe('Token that checkout sends to the product service.'),
  PRODUCTS_LIMIT_SHARED: variable
    .choice(['off', 'on'], 'off')
    .describe(
      'on: all replicas share the limit of ten requests a second to the product service, through the database. off: each replica has its own.',
    ),
  PRODUCT_CACHE_MAX_AGE_MS: variable
    .cacheAge(1_000)
    .describe(
      'Maximum age, in milliseconds, of names and prices in listCart and of the knowledge in addToCart whether a product is archived; 0 turns the cache off.',
    ),
  OPERATIONS_KEPT_DAYS: variable.whole(30, KEPT_DAYS).describe('Retention of the journal of operations, in days.'),
});
