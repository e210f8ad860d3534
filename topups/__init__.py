"""Money: when the account needs a top-up, and how large."""
