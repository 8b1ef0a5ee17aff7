-- Where the group goes on in each partition. The row moves in the transaction that stores what the messages before it say,
-- and only from where its mover believes it to be: whoever has lost the partition without knowing can store nothing.
CREATE TABLE consumer_offsets (
  topic       text        NOT NULL,
  partition   integer     NOT NULL CHECK (partition >= 0),
  next_offset bigint      NOT NULL CHECK (next_offset >= 0),
  moved_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition)
);

-- Messages that could not be taken, and those of the same key that came after them, until they are fed in again.
CREATE TABLE dead_letters (
  topic     text        NOT NULL,
  partition integer     NOT NULL,
  position  bigint      NOT NULL,
  -- Of the order, as the message has it; empty where it has none, or none that could be one.
  order_id  bigint,
  key       bytea,
  -- As it came, up to a length; what was longer can only be read in Kafka.
  value     bytea,
  -- How long it was.
  size      integer     NOT NULL CHECK (size >= 0),
  headers   jsonb       NOT NULL,
  reason    text        NOT NULL
    CHECK (reason IN ('malformed', 'unknown_version', 'conflict', 'out_of_order', 'failed', 'parked')),
  message   text        NOT NULL,
  died_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition, position)
);

-- Whether an order waits, and the order of the list.
CREATE INDEX dead_letters_order ON dead_letters (order_id, position);
-- How many there are.
CREATE INDEX dead_letters_reason ON dead_letters (reason);
