"""Burn rate, runway, re-order point and lead time of one account. Pure: the caller brings the measurements."""
