"""The analysts' copy of the warehouse."""
