-- Who called what, and how that ended. Written after the answer; old rows are deleted in the background.
CREATE TABLE operations (
  operation_id bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  request_id   text             NOT NULL,
  method       text             NOT NULL,
  caller       text,
  code         text             NOT NULL,
  reason       text,
  started_at   timestamptz      NOT NULL,
  deadline_at  timestamptz      NOT NULL,
  duration_ms  double precision NOT NULL
);

CREATE INDEX operations_started_at ON operations (started_at);
CREATE INDEX operations_request_id ON operations (request_id);
