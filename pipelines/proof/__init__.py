"""Shows on a local sandbox what the top-ups do where a simple script would pay twice."""
