-- The call that began the purchase, so that what the background finishes belongs to its request id and trace (W3C Trace
-- Context, W3C Baggage). Baggage may tell of persons: it goes when the purchase is settled.
ALTER TABLE purchases
  ADD COLUMN request_id  text,
  ADD COLUMN traceparent text,
  ADD COLUMN tracestate  text,
  ADD COLUMN baggage     text;
