DROP STATISTICS products_name_key;
