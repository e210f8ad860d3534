-- Number and digest of the current rows.
SELECT count(*) AS rows, sum(hash($columns_s)) AS digest FROM store."$table" s
