-- Goods by sku and warehouse. Counts reach uint64, which bigint does not hold.
CREATE TABLE stocks (
  sku          bigint      NOT NULL CHECK (sku BETWEEN 0 AND 4294967295),
  warehouse_id bigint      NOT NULL,
  -- Everything that was ever put here; the three below are where it is now.
  supplied     numeric(20) NOT NULL CHECK (supplied BETWEEN 0 AND 18446744073709551615),
  on_sale      numeric(20) NOT NULL CHECK (on_sale >= 0),
  reserved     numeric(20) NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  sold         numeric(20) NOT NULL DEFAULT 0 CHECK (sold >= 0),
  PRIMARY KEY (sku, warehouse_id),
  CHECK (supplied = on_sale + reserved + sold)
);

-- What an order that awaits payment holds, and where. Gone as soon as the goods are sold or back on sale.
CREATE TABLE reservations (
  order_id     bigint  NOT NULL REFERENCES orders,
  sku          bigint  NOT NULL,
  warehouse_id bigint  NOT NULL,
  count        integer NOT NULL CHECK (count >= 1),
  PRIMARY KEY (order_id, sku, warehouse_id),
  FOREIGN KEY (sku, warehouse_id) REFERENCES stocks
);
