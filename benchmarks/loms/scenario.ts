/** Lines of an order: one piece each, of one sku from each group of skus. */
export const LINES = 3;
/** Skus of a group that orders spread over. */
const SKUS_PER_GROUP = 1_000;
/** Each sku is in this many warehouses, as in the catalogue. */
export const WAREHOUSES = 3;
/** Pieces in each warehouse: more than any run can sell. */
const SUPPLY = 1_000_000_000;
export const USERS = 1_000_000;

export const SCENARIOS = {
  spread: `${LINES} of ${(LINES * SKUS_PER_GROUP).toLocaleString('en')} skus, each equally likely`,
  hot: `every order buys one hot sku and ${LINES - 1} spread ones`,
} as const;

export type ScenarioName = keyof typeof SCENARIOS;
export const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[];

/** The least and the greatest sku of a group. Groups ascend, so the lines of an order do. */
export function skuRange(scenario: ScenarioName, group: number): readonly [number, number] {
  const first = (group + 1) * 10_000;
  return [first, scenario === 'hot' && group === 0 ? first : first + SKUS_PER_GROUP - 1];
}

/** The statement that puts stock on sale for all groups. */
export function supplyText(): string {
  const groups = Array.from(
    { length: LINES },
    (_, group) => `SELECT generate_series(${skuRange('spread', group)}) AS sku`,
  );
  return `INSERT INTO stocks (sku, warehouse_id, initial, supplied, on_sale)
    SELECT sku, warehouse, ${SUPPLY}, ${SUPPLY}, ${SUPPLY}
    FROM (${groups.join(' UNION ALL ')}) skus, generate_series(1, ${WAREHOUSES}) warehouse`;
}

/** The random part of one order. */
export interface Choice {
  readonly user: number;
  readonly skus: readonly number[];
}

export function choose(scenario: ScenarioName): Choice {
  const skus = Array.from({ length: LINES }, (_, group) => between(...skuRange(scenario, group)));
  return { user: between(1, USERS), skus };
}

export function between(least: number, greatest: number): number {
  return least + Math.floor(Math.random() * (greatest - least + 1));
}
