"""Loads normalised snapshots: batch, guards, merge, load log, and the target of a replay."""
