"""The commands under ``smsonline topup``."""
