ALTER TABLE purchases
  DROP COLUMN request_id,
  DROP COLUMN traceparent,
  DROP COLUMN tracestate,
  DROP COLUMN baggage;
