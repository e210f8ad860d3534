"""The top-ups as the command line and Dagster run them: put together from settings, looked at, mirrored."""
