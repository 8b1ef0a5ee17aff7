CREATE TABLE sessions (
  session_id          uuid        PRIMARY KEY,
  user_id             bigint      NOT NULL REFERENCES users,
  -- Number of the live refresh token. The token itself is computed from the session, this number and a secret.
  counter             integer     NOT NULL DEFAULT 1 CHECK (counter >= 1),
  -- The login or the last refresh.
  rotated_at          timestamptz NOT NULL,
  created_at          timestamptz NOT NULL,
  expires_at          timestamptz NOT NULL CHECK (expires_at <= absolute_expires_at),
  absolute_expires_at timestamptz NOT NULL,
  revoked_at          timestamptz,
  reason              text        CHECK (reason IN ('logout', 'reused', 'password changed', 'role changed', 'disabled', 'evicted')),
  -- The device of the login or the last refresh.
  user_agent          text,
  ip                  text,
  CHECK ((revoked_at IS NULL) = (reason IS NULL))
);

CREATE INDEX sessions_of_user ON sessions (user_id, created_at) WHERE revoked_at IS NULL;
-- Live sessions are counted, and those that expired long ago are deleted.
CREATE INDEX sessions_expiry ON sessions (expires_at);
-- Users who were active lately are counted.
CREATE INDEX sessions_use ON sessions (rotated_at);

CREATE TABLE signing_keys (
  kid               text        PRIMARY KEY,
  alg               text        NOT NULL CHECK (alg = 'ES256'),
  public_jwk        text        NOT NULL,
  -- AES-256-GCM. A retired key only verifies, so its private half is deleted.
  private_encrypted bytea       CHECK ((private_encrypted IS NULL) = (state = 'retired')),
  state             text        NOT NULL CHECK (state IN ('next', 'active', 'retired')),
  -- next: it may sign from then on. active: it is replaced then. retired: it verifies until then.
  until             timestamptz NOT NULL
);

CREATE UNIQUE INDEX signing_keys_single ON signing_keys (state) WHERE state IN ('next', 'active');

-- Ended sessions whose access tokens may still be valid.
CREATE TABLE revocations (
  seq        bigint      PRIMARY KEY,
  session_id uuid        NOT NULL,
  until      timestamptz NOT NULL
);

-- The last seq given. Its row is locked from then to the commit, so seqs become visible in ascending order, without gaps.
CREATE TABLE revocations_seq (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  last     bigint  NOT NULL DEFAULT 0 CHECK (last >= 0)
);
INSERT INTO revocations_seq DEFAULT VALUES;

-- Rate limits that the replicas of a caller share. A bucket without a row is full.
CREATE TABLE token_buckets (
  bucket      text             PRIMARY KEY,
  tokens      double precision NOT NULL CHECK (tokens >= 0),
  -- The tokens are those of this moment.
  refilled_at timestamptz      NOT NULL,
  -- Tokens that the last lease granted.
  granted     integer          NOT NULL CHECK (granted >= 0),
  -- From then on the bucket is full, and its row is deleted.
  full_at     timestamptz      NOT NULL
);

CREATE INDEX token_buckets_full ON token_buckets (full_at);
