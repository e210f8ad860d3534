"""Opening the DuckDB file: locks, the writer, typed errors."""
