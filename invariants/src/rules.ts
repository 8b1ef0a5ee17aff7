import type { Rule } from './rule.ts';
import { CARTS } from './rules/cart.ts';
import { EVENTS } from './rules/events.ts';
import { PURCHASE } from './rules/purchase.ts';
import { STATUS } from './rules/status.ts';
import { STOCK } from './rules/stock.ts';
import { SYSTEM } from './rules/system.ts';

/** Every rule, in the order of the report. */
export const RULES: readonly Rule[] = [...STOCK, ...STATUS, ...PURCHASE, ...CARTS, ...EVENTS, ...SYSTEM];
