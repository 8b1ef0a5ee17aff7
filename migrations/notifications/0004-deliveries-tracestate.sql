-- What tracing vendors add to the traceparent (W3C Trace Context). Baggage ends here: it goes to no webhook.
ALTER TABLE deliveries ADD COLUMN tracestate text;
