"""The top-ups of the configured account, for command line, Dagster and report."""
