-- Attempts that the receiver refused. The others say nothing about the notification: after a long outage of the receiver, it must not be
-- given up at the first refusal.
ALTER TABLE deliveries ADD COLUMN refusals integer NOT NULL DEFAULT 0;
