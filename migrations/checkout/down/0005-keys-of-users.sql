-- Before, a key was one for all: the first user of it keeps it, and the others are refused when they repeat their call, which
-- makes no second order.
UPDATE purchases later SET idempotency_key = NULL
FROM purchases earlier
WHERE earlier.idempotency_key = later.idempotency_key
  AND (earlier.created_at, earlier.purchase_id) < (later.created_at, later.purchase_id);

ALTER TABLE purchases
  DROP CONSTRAINT purchases_user_id_idempotency_key_key,
  ADD UNIQUE (idempotency_key);
