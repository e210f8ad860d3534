"""Table statistics and the data quality checks on them."""
