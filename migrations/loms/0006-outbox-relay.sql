-- What caused the change, so that one request id and one trace lead from the first caller to the notification.
-- Empty where nobody called: an order that was not payed in time.
ALTER TABLE outbox
  ADD COLUMN request_id  text,
  ADD COLUMN traceparent text;

-- How long the oldest undelivered event waits, and how many there are.
CREATE INDEX outbox_backlog ON outbox (changed_at) WHERE delivered_at IS NULL;
-- Which delivered events are old enough to be forgotten.
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

-- What was forgotten, noted by the statement that does it: so that an event that is missing for another reason shows.
CREATE TABLE outbox_forgotten (
  only_row     boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
  events       bigint      NOT NULL DEFAULT 0 CHECK (events >= 0),
  -- None of them was delivered later, and so none tells of a later change.
  delivered_to timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO outbox_forgotten DEFAULT VALUES;
