import type { Dice } from './dice.ts';

/** The skus that users buy: a few scarce ones that many users buy at once, and others with enough stock. */
export interface Goods {
  readonly hot: readonly number[];
  readonly plenty: readonly number[];
}

export interface Line {
  readonly sku: number;
  readonly count: number;
}

/** Few enough that users compete for each of them, and enough that they are not sold out after a second. */
const HOT_SKUS = 12;
/** Checkout asks for ten products a second, so with more skus listCart would only wait. */
const PLENTY_SKUS = 40;

/** The skus with the least and the most stock. */
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

/** One to five skus, hot ones or others, a few units of each: many small orders race more than a few large ones. */
export function chooseLines(dice: Dice, { hot, plenty }: Goods): Line[] {
  const wanted = dice.chance(HOT_PERCENT) || plenty.length === 0 ? hot : plenty;
  const chosen = Array.from({ length: dice.between(1, LINES_MAX) }, () => dice.pick(wanted));
  return [...new Set(chosen)].map((sku) => ({ sku, count: dice.between(1, COUNT_MAX) }));
}

export function chooseSku(dice: Dice, { hot, plenty }: Goods): number {
  return dice.pick([...hot, ...plenty]);
}
