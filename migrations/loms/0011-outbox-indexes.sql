-- One index of undelivered events, outbox_available, serves the relay and the gauges. Each further one cost an entry for each insert and each
-- claim, and while the planner's statistics were of a moment without a backlog, it read a whole backlog by one of them.
DROP INDEX outbox_undelivered;
DROP INDEX outbox_backlog;
