-- The newest load of each dataset that the analysts' copy holds; empty where its rows are no longer ours.
CREATE TABLE ops.published (dataset VARCHAR, load_id VARCHAR);
