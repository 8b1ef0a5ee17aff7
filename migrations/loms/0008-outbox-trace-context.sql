-- What travels with a traceparent (W3C Trace Context, W3C Baggage). Baggage may tell of persons: it goes when the event is there.
ALTER TABLE outbox
  ADD COLUMN tracestate text,
  ADD COLUMN baggage    text;
