DROP TABLE token_buckets;
DROP TABLE revocations_seq;
DROP TABLE revocations;
DROP TABLE signing_keys;
DROP TABLE sessions;
