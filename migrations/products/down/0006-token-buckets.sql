DROP TABLE token_buckets;
