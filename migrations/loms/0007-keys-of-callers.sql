-- A key belongs to the service that sends it and to the user that the order is for: another's key is another key.
-- Rows from before do not say who sent them: '*', which is no caller's name, stands for any caller, so that a call that is
-- repeated across the upgrade finds its order.
ALTER TABLE idempotency_keys
  ADD COLUMN caller  text CHECK (length(caller) <= 64),
  ADD COLUMN user_id bigint;

UPDATE idempotency_keys SET caller = '*', user_id = orders.user_id
FROM orders WHERE orders.order_id = idempotency_keys.order_id;

ALTER TABLE idempotency_keys
  ALTER COLUMN caller SET NOT NULL,
  ALTER COLUMN user_id SET NOT NULL,
  DROP CONSTRAINT idempotency_keys_pkey,
  ADD PRIMARY KEY (key, user_id, caller);
