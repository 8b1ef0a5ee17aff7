DROP TABLE product_changes;
ALTER TABLE products DROP COLUMN version, DROP COLUMN archived_at;
