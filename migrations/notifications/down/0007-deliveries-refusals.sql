ALTER TABLE deliveries DROP COLUMN refusals;
