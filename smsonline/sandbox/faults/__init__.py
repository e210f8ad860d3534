"""Injectable faults: their kinds, and the corruption of good responses."""
