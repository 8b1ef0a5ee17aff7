import type { Scenario } from '../scenario.ts';
import { adjustStock, changePrice, productLife } from './administering.ts';
import { myOrders, newTokens } from './at-the-edge.ts';
import { cartEditor, doubleClick, keyReuse, payRacesCancel } from './racing.ts';
import { abandon, cancel, impatientCaller, shopper, stockChecker } from './shopping.ts';

/** The weights add up to 100, so each is a percentage. */
export const scenarios: readonly Scenario[] = [
  shopper,
  doubleClick,
  keyReuse,
  payRacesCancel,
  cancel,
  abandon,
  impatientCaller,
  cartEditor,
  stockChecker,
];

/** Through the gateway, which shows no stock. */
export const edgeScenarios: readonly Scenario[] = [
  ...scenarios.filter(({ name }) => name !== stockChecker.name),
  myOrders,
  newTokens,
];

/** Of the one admin; these add up to 100 too. */
export const adminScenarios: readonly Scenario[] = [adjustStock, changePrice, productLife];
