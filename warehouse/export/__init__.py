"""The analysts' copy as parquet files with a manifest."""
