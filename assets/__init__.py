"""What is pulled: one declaration per dataset, its normalisation, the data path, the Dagster objects."""
