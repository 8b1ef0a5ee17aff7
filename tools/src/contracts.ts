import { accounts } from 'accounts/contract.ts';
import { checkout } from 'checkout/contract.ts';
import { loms } from 'loms/contract.ts';
import { notifications } from 'notifications/contract.ts';
import { products } from 'products/contract.ts';
import type { ServiceContract } from 'rpc-kit';

/** The contracts of all services, by name. */
export const contracts: readonly ServiceContract[] = [accounts, checkout, loms, notifications, products];
