"""Messages to people: what is due, how it reads, and its delivery."""
