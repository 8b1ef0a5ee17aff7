-- A key belongs to the user who buys with it: the same text of another user is another key.
ALTER TABLE purchases
  DROP CONSTRAINT purchases_idempotency_key_key,
  ADD UNIQUE (user_id, idempotency_key);
