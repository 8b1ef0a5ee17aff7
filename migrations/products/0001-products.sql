CREATE TABLE products (
  sku   bigint PRIMARY KEY CHECK (sku BETWEEN 0 AND 4294967295),
  name  text   NOT NULL CHECK (name <> ''),
  price bigint NOT NULL CHECK (price BETWEEN 0 AND 4294967295)
);
