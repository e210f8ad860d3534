"""HTTP side of the sandbox: its server, and good and broken responses."""
