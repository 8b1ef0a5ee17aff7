import { accounts } from 'accounts/contract.ts';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import type { Client } from 'rpc-kit';

/** The services whose methods the routes call. */
export const SERVICES = { accounts, checkout, loms, products, notifications };

export type Services = {
  readonly [S in keyof typeof SERVICES]: Client<(typeof SERVICES)[S]['methods']>;
};
