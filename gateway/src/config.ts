import { commonVariables, variable } from 'service-kit';
import { z } from 'zod';

const peer = (service: string) =>
  variable
    .httpUrls()
    .describe(
      `URLs of ${service}, separated by commas; calls are balanced over them. \`dns+http://${service}:port\` means all addresses of the name.`,
    );

export const gatewayConfig = z.object({
  PORT: variable.port(8000).describe('Port to listen on; 0 picks a free one.'),
  ...commonVariables,
  ACCOUNTS_URL: peer('accounts'),
  CHECKOUT_URL: peer('checkout'),
  LOMS_URL: peer('loms'),
  PRODUCTS_URL: peer('products'),
  NOTIFICATIONS_URL: peer('notifications'),
});
