"""Readers of the vendor's JSON values that every package shares: timestamps, amounts, lists, signs of further pages."""
