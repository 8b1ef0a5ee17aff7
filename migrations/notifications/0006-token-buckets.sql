-- Limits that replicas share (METHOD_LIMITS), a row for each method that has one. A bucket without a row is full.
CREATE TABLE token_buckets (
  bucket      text             PRIMARY KEY,
  tokens      double precision NOT NULL CHECK (tokens >= 0),
  -- The tokens are those of this moment.
  refilled_at timestamptz      NOT NULL,
  -- Tokens that the last lease granted.
  granted     integer          NOT NULL CHECK (granted >= 0),
  -- From then on the bucket is full.
  full_at     timestamptz      NOT NULL
);
