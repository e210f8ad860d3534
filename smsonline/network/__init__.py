"""What limits and routes a request on the network: its deadline, proxies and certificates, the size of its response."""
