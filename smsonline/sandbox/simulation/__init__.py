"""The simulated vendor: market, one customer account, invoices and the clock."""
