"""Connections to the database of the ledger, and what its constraints say."""
