CREATE INDEX outbox_undelivered ON outbox (order_id, seq) WHERE delivered_at IS NULL;
CREATE INDEX outbox_backlog ON outbox (changed_at) WHERE delivered_at IS NULL;
