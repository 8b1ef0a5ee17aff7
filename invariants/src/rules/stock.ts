import { callsOf } from '../calls.ts';
import { check, type Rule, type Sources } from '../rule.ts';
import type { Query, Row } from '../snapshot.ts';
import { RESERVED_VIOLATIONS, STOCK_VIOLATIONS } from '../stock-watch.ts';
import { findNeedlessRefusals } from './needless-refusals.ts';

/** Exactly the orders that await payment have reservations, for exactly their goods. */
const RESERVATIONS_VIOLATIONS = `
  SELECT order_id, sku, wanted, held
  FROM (
    SELECT order_id, sku, count AS wanted FROM orders JOIN order_items USING (order_id)
    WHERE status = 'awaiting payment'
  ) awaiting
  FULL JOIN (SELECT order_id, sku, sum(count) AS held FROM reservations GROUP BY order_id, sku) holds
    USING (order_id, sku)
  WHERE wanted IS DISTINCT FROM held`;

/** Goods are reserved or sold only for orders that are paid or await payment. */
const SALES_VIOLATIONS = `
  SELECT sku, reserved, sold, awaiting, payed
  FROM (SELECT sku, sum(reserved) AS reserved, sum(sold) AS sold FROM stocks GROUP BY sku) shelves
  FULL JOIN (
    SELECT sku,
      sum(count) FILTER (WHERE status = 'awaiting payment') AS awaiting,
      sum(count) FILTER (WHERE status = 'payed') AS payed
    FROM orders JOIN order_items USING (order_id)
    GROUP BY sku
  ) ordered USING (sku)
  WHERE coalesce(reserved, 0) <> coalesce(awaiting, 0) OR coalesce(sold, 0) <> coalesce(payed, 0)`;

export const STOCK: readonly Rule[] = [
  {
    id: 'S1',
    says: 'Stock: initial + restocked = supplied = on sale + reserved + sold for every sku and warehouse; none negative.',
    checks: [check('the sums', ['loms'], ({ loms }) => loms(STOCK_VIOLATIONS))],
  },
  {
    id: 'S2',
    says: 'Reservations add up to the reserved counter, and exist exactly for the items of orders that await payment.',
    checks: [
      check('the counter', ['loms'], ({ loms }) => loms(RESERVED_VIOLATIONS)),
      check('the orders', ['loms'], ({ loms }) => loms(RESERVATIONS_VIOLATIONS)),
    ],
  },
  {
    id: 'S3',
    says: 'Stock moved only for orders that are paid or await payment; failed and cancelled orders hold nothing.',
    checks: [check('the sales', ['loms'], ({ loms }) => loms(SALES_VIOLATIONS))],
  },
  {
    id: 'S4',
    says: 'Concurrent readers also see S1 and the counter of S2 hold, and never more stock than was supplied.',
    checks: [check('the readers', [], (sources: Sources) => findReadViolations(sources))],
  },
  {
    id: 'S5',
    says: 'Scarce goods are all sold: no order failed while its goods were available, and refusals name a real shortage.',
    checks: [
      check('needless refusals', ['loms'], ({ loms }) => findNeedlessRefusals(loms)),
      check(
        'the shortages answered',
        ['history'],
        ({ history }) =>
          [...callsOf(history, 'createOrder'), ...callsOf(history, 'purchase')].flatMap(({ code, data, args }) =>
            code === 'out_of_stock' && !isShortage(data) ? [{ ...args, code, data }] : [],
          ),
        { optional: true },
      ),
    ],
  },
];

/** Every line of a real shortage has fewer available than requested. */
function isShortage(data: unknown): boolean {
  const { shortages } = (data ?? {}) as { shortages?: { requested: number; available: number | bigint }[] };
  return shortages !== undefined && shortages.length > 0 && shortages.every((line) => line.available < line.requested);
}

async function findReadViolations({ loms, history = [], stockWatch }: Sources) {
  const answers = callsOf(history, 'stocks').filter(({ result }) => result === 'ok');
  const sawMoves = stockWatch !== undefined && stockWatch.moves > 0;
  const sawAnswers = loms !== undefined && answers.length > 0;
  const violations = [...(stockWatch?.violations ?? []), ...(loms ? await findTooLarge(loms, answers) : [])];
  if (violations.length === 0 && !sawMoves && !sawAnswers) {
    return { nothingSeen: 'the stock was at rest: run the check under load, or give a history with calls of stocks' };
  }
  return violations;
}

/** Goods that were written off since were supplied too. */
const EVER_SUPPLIED = `
  SELECT sku, warehouse_id, initial + coalesce(arrived, 0) AS supplied
  FROM stocks
  LEFT JOIN (
    SELECT sku, warehouse_id, sum(delta) AS arrived FROM stock_adjustments WHERE refusal IS NULL AND delta > 0
    GROUP BY sku, warehouse_id
  ) arrivals USING (sku, warehouse_id)`;

async function findTooLarge(loms: Query, answers: ReturnType<typeof callsOf<'stocks'>>): Promise<Row[]> {
  const place = (sku: unknown, warehouseID: unknown) => `${sku}/${warehouseID}`;
  const rows = answers.length > 0 ? await loms(EVER_SUPPLIED) : [];
  const supplied = new Map(rows.map((row) => [place(row.sku, row.warehouse_id), row.supplied as bigint]));
  return answers.flatMap(({ args: { sku }, answer }) =>
    (answer?.stocks ?? [])
      .filter(({ warehouseID, count }) => count > (supplied.get(place(sku, warehouseID)) ?? 0n))
      .map((stock) => ({ sku, ...stock, supplied: supplied.get(place(sku, stock.warehouseID)) ?? 0n })),
  );
}
