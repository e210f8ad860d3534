-- The same of the current rows with the keys of the staged ones.
SELECT count(*) AS rows, sum(h >> 32) AS high, sum(h & 4294967295) AS low
FROM (SELECT hash($columns_s) AS h FROM store."$table" s SEMI JOIN staging i ON $key_match)
