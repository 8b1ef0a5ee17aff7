ALTER TABLE deliveries ADD CONSTRAINT deliveries_order_id_seq_fkey FOREIGN KEY (order_id, seq) REFERENCES notifications;
DROP INDEX deliveries_backlog;
CREATE INDEX deliveries_backlog ON deliveries (sink, queued_at) WHERE dead_at IS NULL;
