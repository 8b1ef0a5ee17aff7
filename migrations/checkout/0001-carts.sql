-- A user's cart. The row is what changes of one cart queue behind.
CREATE TABLE carts (
  user_id bigint PRIMARY KEY
);

-- Goods in the cart that no unfinished purchase holds.
CREATE TABLE cart_lines (
  user_id bigint  NOT NULL REFERENCES carts,
  sku     bigint  NOT NULL CHECK (sku BETWEEN 0 AND 4294967295),
  count   integer NOT NULL CHECK (count BETWEEN 1 AND 65535),
  PRIMARY KEY (user_id, sku)
);
