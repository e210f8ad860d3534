"""Shows on a local sandbox what the top-ups do where a naive sensor would pay twice."""
