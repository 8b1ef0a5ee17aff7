-- The tokens of limits that replicas share, a row a token. The rows of a limit are made when it is first used.
CREATE TABLE rate_limit_tokens (
  name    text        NOT NULL,
  number  integer     NOT NULL CHECK (number >= 1),
  -- When it may be taken again; while it is in use, when it will be back if its holder never gives it back.
  back_at timestamptz NOT NULL DEFAULT now(),
  -- How often it was taken: says whose use it is, so that who comes too late gives back nothing that is another's.
  grants  bigint      NOT NULL DEFAULT 0,
  PRIMARY KEY (name, number)
);
