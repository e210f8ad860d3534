-- Number and order-independent digest of the staged rows.
SELECT count(*) AS rows, sum(hash($typed_columns_i)) AS digest FROM staging i
