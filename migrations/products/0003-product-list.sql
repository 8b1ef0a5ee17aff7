-- Pages of the list never read archived products.
CREATE INDEX products_listed ON products (sku) WHERE archived_at IS NULL;

-- The owner of a database may create this extension: it is a trusted one.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Names are compared without case and without differences of encoding (Unicode NFKC).
CREATE FUNCTION fold_name(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(normalize(name, NFKC));

ALTER TABLE products ADD COLUMN folded_name text NOT NULL GENERATED ALWAYS AS (fold_name(name)) STORED;

-- pg_trgm finds only letters of the database's LC_CTYPE, which are the ASCII letters in ours (C). So the index is on Cyrillic
-- spelt in ASCII letters, each by one. Several letters share one, so a query compares folded_name too. The characters with a
-- meaning in LIKE become spaces, so none of them has it.
CREATE FUNCTION name_key(folded_name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(folded_name, '%_\абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґў', '   abvgdeejziiklmnoprstufhcqwwxyxeuaiiegu');

CREATE INDEX products_name ON products USING gin (name_key(folded_name) gin_trgm_ops) WHERE archived_at IS NULL;
