"""Dagster assets and checks, made from dataset and mart definitions."""
