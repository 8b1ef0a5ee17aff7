DROP INDEX products_name;
DROP FUNCTION name_key;
ALTER TABLE products DROP COLUMN folded_name;
DROP FUNCTION fold_name;
DROP INDEX products_listed;

-- The extension stays if the database's administrator installed it or uses it for something else.
DO $$ BEGIN
  DROP EXTENSION pg_trgm;
EXCEPTION WHEN insufficient_privilege OR dependent_objects_still_exist THEN
  NULL;
END $$;
