import { type PlannedScenario, toPlanned } from '../scenario.ts';
import { abandon } from './abandon.ts';
import { cancel } from './cancel.ts';
import { cartEditor } from './cart-editor.ts';
import { doubleClick } from './double-click.ts';
import { impatientCaller } from './impatient-caller.ts';
import { keyReuse } from './key-reuse.ts';
import { payRacesCancel } from './pay-races-cancel.ts';
import { shopper } from './shopper.ts';
import { stockChecker } from './stock-checker.ts';

/** Everything that users do. The weights add up to 100, so each reads as a percentage. */
export const scenarios: readonly PlannedScenario[] = [
  toPlanned(shopper),
  toPlanned(doubleClick),
  toPlanned(keyReuse),
  toPlanned(payRacesCancel),
  toPlanned(cancel),
  toPlanned(abandon),
  toPlanned(impatientCaller),
  toPlanned(cartEditor),
  toPlanned(stockChecker),
];
