-- A purchase is recorded before loms is asked, and settled by what loms answers. Whoever finds a pending one can finish it:
-- purchase_id is the idempotency key that loms is asked with.
CREATE TABLE purchases (
  purchase_id     uuid        PRIMARY KEY,
  user_id         bigint      NOT NULL REFERENCES carts,
  idempotency_key text        UNIQUE CHECK (length(idempotency_key) BETWEEN 1 AND 255),
  state           text        NOT NULL CHECK (state IN ('pending', 'ordered', 'out of stock', 'cart empty', 'rejected')),
  -- The order, or the failed one where goods were missing.
  order_id        bigint,
  shortages       jsonb       NOT NULL DEFAULT '[]',
  created_at      timestamptz NOT NULL DEFAULT now(),
  settled_at      timestamptz,
  -- When the background may take a pending one up.
  resume_at       timestamptz NOT NULL,
  attempts        integer     NOT NULL DEFAULT 0,
  CHECK ((state IN ('ordered', 'out of stock')) = (order_id IS NOT NULL)),
  CHECK ((state = 'pending') = (settled_at IS NULL))
);

-- A user buys one thing after the other.
CREATE UNIQUE INDEX purchases_pending ON purchases (user_id) WHERE state = 'pending';
CREATE INDEX purchases_to_resume ON purchases (resume_at) WHERE state = 'pending';

-- The goods of a purchase. While it is pending they still show in the cart; what is deleted from there meanwhile is
-- counted in deleted, and stays out of the cart should loms refuse.
CREATE TABLE purchase_items (
  purchase_id uuid    NOT NULL REFERENCES purchases,
  sku         bigint  NOT NULL CHECK (sku BETWEEN 0 AND 4294967295),
  count       integer NOT NULL CHECK (count BETWEEN 1 AND 65535),
  deleted     integer NOT NULL DEFAULT 0 CHECK (deleted BETWEEN 0 AND count),
  PRIMARY KEY (purchase_id, sku)
);
