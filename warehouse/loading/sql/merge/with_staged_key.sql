-- Limits the current rows to those with a staged key.
SEMI JOIN staging i ON $key_match
