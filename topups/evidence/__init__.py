"""What proves a payment: the unit of its amount, and its arrival in the balance. Pure functions."""
