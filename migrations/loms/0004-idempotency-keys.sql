-- What the first call with a key did. Written in the same transaction as its effect.
CREATE TABLE idempotency_keys (
  key        text        PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 255),
  body_hash  bytea       NOT NULL,
  -- Empty only inside the first call's transaction, which claims the key before it does anything else.
  order_id   bigint      REFERENCES orders,
  -- Empty when the order was made; else what was missing, and the order is a failed one.
  shortages  jsonb       NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT now()
);
