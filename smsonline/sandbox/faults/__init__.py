"""Injectable faults: their kinds, the broken responses they cause, and the corruption of good ones."""
