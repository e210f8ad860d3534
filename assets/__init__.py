"""What is synced: dataset definitions, normalisation, the sync itself, and the Dagster objects for it."""
