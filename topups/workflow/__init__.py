"""Runs that change the ledger: request a payment, follow it at the vendor, recover what a crash left behind."""
