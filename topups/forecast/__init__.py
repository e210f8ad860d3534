"""What the account spends, when it will be empty, and how long a payment takes to arrive. Pure."""
