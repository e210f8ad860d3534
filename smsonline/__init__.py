"""The vendor: what its API offers, how to call it, what can go wrong, and a sandbox that stands in for it."""
