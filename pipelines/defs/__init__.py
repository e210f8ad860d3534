"""Dagster definitions of the code location; every module in this folder is loaded."""
