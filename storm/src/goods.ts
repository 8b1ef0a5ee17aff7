import type { Dice } from './dice.ts';

/** What users want: a few skus that are nearly gone and that many want at once, and those of which there is enough. */
export interface Goods {
  readonly hot: readonly number[];
  readonly plenty: readonly number[];
}

export interface Line {
  readonly sku: number;
  readonly count: number;
}

/** So few that a third of the users meet at each of them, so many that they are not all gone after a second. */
const HOT_SKUS = 12;
/** A quarter of the shoppers look up names and prices, and checkout asks for ten products a second: more would only wait. */
const PLENTY_SKUS = 40;

/** The least and the most of what is on sale. */
export function chooseGoods(onSale: readonly OnSale[]): Goods {
  const ascending = onSale.filter(({ count }) => count > 0n).toSorted((a, b) => Number(a.count - b.count));
  const skus = ascending.map(({ sku }) => sku);
  return { hot: skus.slice(0, HOT_SKUS), plenty: skus.slice(HOT_SKUS).slice(-PLENTY_SKUS) };
}

export interface OnSale {
  readonly sku: number;
  readonly count: bigint;
}

const HOT_PERCENT = 35;
const LINES_MAX = 5;
const COUNT_MAX = 3;

/** One to five different skus, hot ones or others, a few units of each: many small orders race more than a few large ones. */
export function chooseLines(dice: Dice, { hot, plenty }: Goods): Line[] {
  const wanted = dice.chance(HOT_PERCENT) || plenty.length === 0 ? hot : plenty;
  const chosen = Array.from({ length: dice.between(1, LINES_MAX) }, () => dice.pick(wanted));
  return [...new Set(chosen)].map((sku) => ({ sku, count: dice.between(1, COUNT_MAX) }));
}

export function chooseSku(dice: Dice, { hot, plenty }: Goods): number {
  return dice.pick([...hot, ...plenty]);
}
