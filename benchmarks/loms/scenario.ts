/** Lines of an order in the comparison: one piece each, of one sku from each group of skus. */
export const LINES = 2;
/** The most lines of any scenario. */
const GROUPS = 3;
/** Skus of a group that orders spread over. */
const SKUS_PER_GROUP = 1_000;
/** Each sku is in this many warehouses, as in the catalogue. */
export const WAREHOUSES = 3;
/** Pieces in each warehouse: more than any run can sell. */
const SUPPLY = 1_000_000_000;
export const USERS = 1_000_000;

interface Scenario {
  /** Orders in flight. */
  readonly clients: number;
  readonly lines: number;
  /** Whether the first line of every order is the same sku. */
  readonly isHot: boolean;
}

export const SCENARIOS = {
  /** For a profile, and for the benchmark of sustained load. */
  spread: { clients: 10, lines: 3, isHot: false },
  'spread-8': { clients: 8, lines: LINES, isHot: false },
  'spread-32': { clients: 32, lines: LINES, isHot: false },
  'hot-32': { clients: 32, lines: LINES, isHot: true },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;
export const COMPARED = ['spread-8', 'spread-32', 'hot-32'] as const satisfies readonly ScenarioName[];

export function describeScenario(name: ScenarioName): string {
  const { clients, lines, isHot } = SCENARIOS[name];
  const skus = (lines * SKUS_PER_GROUP).toLocaleString('en');
  const goods = isHot ? `one hot sku and ${lines - 1} spread one in each` : `${lines} of ${skus} skus, equally likely`;
  return `${clients} clients, ${goods}`;
}

/** The least and the greatest sku of a group. Groups ascend, so the lines of an order do. */
export function skuRange(scenario: ScenarioName, group: number): readonly [number, number] {
  const first = (group + 1) * 10_000;
  return [first, SCENARIOS[scenario].isHot && group === 0 ? first : first + SKUS_PER_GROUP - 1];
}

/** The statement that puts stock on sale for all groups. */
export function supplyText(): string {
  const groups = Array.from(
    { length: GROUPS },
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
  const { lines } = SCENARIOS[scenario];
  const skus = Array.from({ length: lines }, (_, group) => between(...skuRange(scenario, group)));
  return { user: between(1, USERS), skus };
}

export function between(least: number, greatest: number): number {
  return least + Math.floor(Math.random() * (greatest - least + 1));
}
