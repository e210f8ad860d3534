"""HTTP side of the sandbox: server, routes of the vendor and of the control, and their responses."""
