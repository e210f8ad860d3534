"""The DuckDB file: connection, migrations, raw responses, loads with history, marts."""
