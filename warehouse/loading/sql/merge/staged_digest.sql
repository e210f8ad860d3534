-- Number and order-independent digest of the staged rows. The sum of the halves of each hash cannot overflow.
SELECT count(*) AS rows, sum(h >> 32) AS high, sum(h & 4294967295) AS low FROM (SELECT hash($typed_columns_i) AS h FROM staging i)
