"""Decides whether a top-up is needed, and for how much. Pure, except ``preview``, which reads the ledger."""
