/** Each answers no row where its rule holds. */

/** What was ever put into a warehouse is on sale, reserved or sold; nothing is below nought. */
export const STOCK_AMISS = `
  SELECT sku, warehouse_id, supplied, on_sale, reserved, sold FROM stocks
  WHERE supplied <> on_sale + reserved + sold OR least(supplied, on_sale, reserved, sold) < 0`;

/** What stocks count as reserved are the reservations. */
export const RESERVED_AMISS = `
  SELECT sku, warehouse_id, reserved, held
  FROM stocks
  FULL JOIN (SELECT sku, warehouse_id, sum(count) AS held FROM reservations GROUP BY sku, warehouse_id) holds
    USING (sku, warehouse_id)
  WHERE coalesce(reserved, 0) <> coalesce(held, 0)`;

/** There are reservations for just the orders that await payment, and for just their goods. */
export const RESERVATIONS_AMISS = `
  SELECT order_id, sku, wanted, held
  FROM (
    SELECT order_id, sku, count AS wanted FROM orders JOIN order_items USING (order_id)
    WHERE status = 'awaiting payment'
  ) awaiting
  FULL JOIN (SELECT order_id, sku, sum(count) AS held FROM reservations GROUP BY order_id, sku) holds
    USING (order_id, sku)
  WHERE wanted IS DISTINCT FROM held`;

/** Goods have left the shelves for orders that are payed or await payment, and for no other. */
export const SALES_AMISS = `
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

/** What orders took from the shelves of a sku (below nought) and what cancelled ones gave back, by time. */
export const STOCK_MOVES = `
  SELECT sku, changed_at AS at, CASE history.status WHEN 'cancelled' THEN count ELSE -count END AS moved
  FROM order_status_history history JOIN order_items USING (order_id)
  WHERE history.status IN ('awaiting payment', 'cancelled')
  ORDER BY sku, changed_at`;

/** The lines of failed orders, with what was ever put on sale of their skus. */
export const REFUSED_LINES = `
  SELECT order_id, sku, count, changed_at AS at, coalesce(supplied, 0) AS supplied
  FROM orders
  JOIN order_status_history history USING (order_id)
  JOIN order_items USING (order_id)
  LEFT JOIN (SELECT sku, sum(supplied) AS supplied FROM stocks GROUP BY sku) shelves USING (sku)
  WHERE history.status = 'failed'
  ORDER BY order_id, sku`;
