"""Finds out which assumptions about the vendor hold for an account, and what to set where they do not."""
