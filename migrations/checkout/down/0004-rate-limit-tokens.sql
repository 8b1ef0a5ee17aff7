DROP TABLE rate_limit_tokens;
