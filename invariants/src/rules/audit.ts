import { type Call, callsOf } from '../calls.ts';
import type { Operation } from '../history.ts';
import { check, type Rule } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';

/** What a stock was ever supplied with: what the catalogue loaded, and the accepted adjustments. */
const SUPPLY_VIOLATIONS = `
  SELECT sku, warehouse_id, initial, adjusted, supplied
  FROM stocks
  FULL JOIN (
    SELECT sku, warehouse_id, sum(delta) AS adjusted FROM stock_adjustments WHERE refusal IS NULL
    GROUP BY sku, warehouse_id
  ) adjustments USING (sku, warehouse_id)
  WHERE coalesce(supplied, 0) <> coalesce(initial, 0) + coalesce(adjusted, 0)`;

/** Rows that were never settled, and refusals of write-offs that the goods on sale sufficed for. */
const ADJUSTMENTS_VIOLATIONS = `
  SELECT adjustment_id, key, sku, warehouse_id, delta, on_sale, refusal FROM stock_adjustments
  WHERE on_sale IS NULL OR (refusal = 'insufficient_stock' AND on_sale + delta >= 0)`;

/** The changes of a product count its versions from 1 without gaps, and the last one is the product. */
const PRODUCTS_VIOLATIONS = `
  SELECT sku, version, name, price, archived_at, versions, last
  FROM products
  FULL JOIN (
    SELECT sku, array_agg(version ORDER BY version) AS versions,
      (array_agg(action || ' ' || price || ' ' || name ORDER BY version DESC))[1] AS last
    FROM product_changes GROUP BY sku
  ) changes USING (sku)
  WHERE (
    versions = ARRAY(SELECT generate_series(1, version))
    AND last LIKE CASE WHEN archived_at IS NOT NULL THEN 'archived %' WHEN version = 1 THEN 'created %' ELSE 'updated %' END
    AND substr(last, strpos(last, ' ') + 1) = price || ' ' || name
  ) IS NOT TRUE`;

export const AUDIT: readonly Rule[] = [
  {
    id: 'A5',
    says: 'Each change of supplied stock and of a product has its audit row, and each acknowledged change is there once.',
    checks: [
      check('the supply', ['loms'], ({ loms }) => loms(SUPPLY_VIOLATIONS)),
      check('the adjustments', ['loms'], ({ loms }) => loms(ADJUSTMENTS_VIOLATIONS)),
      check('the answers of loms', ['loms', 'history'], ({ loms, history }) =>
        findAdjustmentsViolations(loms, history),
      ),
      check('the products', ['products'], ({ products }) => products(PRODUCTS_VIOLATIONS)),
      check('the answers of products', ['products', 'history'], ({ products, history }) =>
        findChangesViolations(products, history),
      ),
    ],
  },
];

/** Answers that differ from the row of their key, and keys that were refused although they came with one body only. */
async function findAdjustmentsViolations(loms: Query, history: readonly Operation[]): Promise<Row[]> {
  const calls = callsOf(history, 'adjustStock').filter(({ result }) => result !== 'info');
  if (calls.length === 0) return [];
  const rows = await loms('SELECT key, actor, sku, warehouse_id, delta, on_sale, refusal FROM stock_adjustments');
  const byKey = new Map(rows.map((row) => [`${row.actor} ${row.key}`, row]));
  return calls.flatMap((call) => {
    const { args, answer, code } = call;
    const row = byKey.get(`${args.actor ?? null} ${args.idempotencyKey}`);
    return isAnswerOf(call, row) ? [] : [{ asked: args, answered: answer?.onSale ?? code, row: row ?? 'none' }];
  });
}

function isAnswerOf({ args, answer, code, data }: Call<'adjustStock'>, row: Row | undefined): boolean {
  const { sku, warehouseID, delta } = args;
  const isSameBody =
    row !== undefined && row.sku === BigInt(sku) && row.warehouse_id === warehouseID && row.delta === delta;
  if (answer) return isSameBody && row.refusal === null && row.on_sale === answer.onSale;
  if (code === 'idempotency_conflict') return row !== undefined && !isSameBody;
  // A call that was refused before it reached the stock has no row.
  if (code !== 'insufficient_stock' && code !== 'stock_too_large') return true;
  const { onSale } = data as { onSale: number | bigint };
  return isSameBody && row.refusal === code && row.on_sale === BigInt(onSale);
}

type Change = Call<'create_product'> | Call<'update_product'> | Call<'archive_product'>;

/** Acknowledged changes without their row, or with the row of another call: one version is made once. */
async function findChangesViolations(products: Query, history: readonly Operation[]): Promise<Row[]> {
  const changes: Change[] = [
    ...callsOf(history, 'create_product'),
    ...callsOf(history, 'update_product'),
    // Archiving again acknowledges the version of the first call.
    ...callsOf(history, 'archive_product').filter(({ args, answer }) => args.version !== answer?.version),
  ].filter(({ result }) => result === 'ok');
  if (changes.length === 0) return [];
  const rows = await products('SELECT sku, version, action, name, price, actor FROM product_changes');
  const byVersion = new Map(rows.map((row) => [`${row.sku} ${row.version}`, row]));
  const made = new Set<Row>();
  return changes.flatMap(({ args, answer }) => {
    const row = byVersion.get(`${answer?.sku} ${answer?.version}`);
    const isRight =
      row?.name === answer?.name && row?.price === BigInt(answer?.price ?? 0) && row?.actor === (args.actor ?? null);
    if (row && isRight && !made.has(row)) {
      made.add(row);
      return [];
    }
    return [{ asked: args, answered: answer, row: row ?? 'none' }];
  });
}
