"""``make up``: supervises the processes of Dagster on this machine, and looks after the folder of Dagster's records."""
