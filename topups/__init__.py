"""Money: when the account needs a top-up, how large, and how to ask for it exactly once."""
