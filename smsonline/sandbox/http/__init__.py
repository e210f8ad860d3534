"""HTTP side of the sandbox: server, routes, control routes, responses and the request log."""
