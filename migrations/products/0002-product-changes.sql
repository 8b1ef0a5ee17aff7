ALTER TABLE products
  ADD COLUMN version     integer NOT NULL DEFAULT 1 CHECK (version > 0),
  ADD COLUMN archived_at timestamptz;

-- One row for each version of a product: its state since then, and the call that made it. actor: the acting admin;
-- caller: the calling service.
CREATE TABLE product_changes (
  sku        bigint      NOT NULL REFERENCES products,
  version    integer     NOT NULL CHECK (version > 0),
  action     text        NOT NULL CHECK (action IN ('created', 'updated', 'archived')),
  name       text        NOT NULL,
  price      bigint      NOT NULL,
  actor      bigint,
  caller     text        NOT NULL,
  request_id text,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sku, version)
);

-- Until now, the loader of the catalogue was the only writer.
INSERT INTO product_changes (sku, version, action, name, price, caller)
SELECT sku, 1, 'created', name, price, 'load-catalogue' FROM products;
