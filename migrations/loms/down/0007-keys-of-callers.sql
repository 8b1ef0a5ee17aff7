-- Before, a key was one for all: the first who used it keeps it, and the others are refused when they repeat their call, which
-- makes no second order.
DELETE FROM idempotency_keys later USING idempotency_keys earlier
WHERE earlier.key = later.key
  AND (earlier.created_at, earlier.user_id, earlier.caller) < (later.created_at, later.user_id, later.caller);

ALTER TABLE idempotency_keys
  DROP CONSTRAINT idempotency_keys_pkey,
  ADD PRIMARY KEY (key),
  DROP COLUMN caller,
  DROP COLUMN user_id;
