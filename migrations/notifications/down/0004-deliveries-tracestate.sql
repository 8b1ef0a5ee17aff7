ALTER TABLE deliveries DROP COLUMN tracestate;
