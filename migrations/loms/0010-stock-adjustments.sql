-- What the catalogue loaded; 0 for a stock that an adjustment created. supplied = initial + the sum of the adjustments.
ALTER TABLE stocks ADD COLUMN initial numeric(20) CHECK (initial BETWEEN 0 AND 18446744073709551615);
UPDATE stocks SET initial = supplied;
ALTER TABLE stocks ALTER COLUMN initial SET NOT NULL;

-- Each adjustment that was asked for: who, what, and the answer, which a repeated call gets again. Written in the transaction that
-- changes the stock. A refused adjustment changed nothing.
CREATE TABLE stock_adjustments (
  adjustment_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- A key belongs to the calling service and to the person for whom it calls, as in idempotency_keys.
  key           text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  caller        text        NOT NULL CHECK (length(caller) <= 64),
  -- The acting admin; empty where a service acts for nobody.
  actor         bigint,
  sku           bigint      NOT NULL CHECK (sku BETWEEN 0 AND 4294967295),
  warehouse_id  bigint      NOT NULL,
  delta         bigint      NOT NULL CHECK (delta <> 0),
  -- What was on sale afterwards. Empty only inside the transaction, which claims the key before it does anything else.
  on_sale       numeric(20) CHECK (on_sale BETWEEN 0 AND 18446744073709551615),
  refusal       text        CHECK (refusal IN ('insufficient_stock', 'stock_too_large')),
  request_id    text,
  at            timestamptz NOT NULL DEFAULT date_trunc('milliseconds', statement_timestamp()),
  UNIQUE NULLS NOT DISTINCT (key, actor, caller)
);

-- The adjustments of one stock, for its history and for the check that they add up.
CREATE INDEX stock_adjustments_of_stock ON stock_adjustments (sku, warehouse_id);
