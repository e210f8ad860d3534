"""A ledger after a year of a pass every two minutes, as passes keep it: ``python -m bench.ledger_year``.

Prints its size, and the seconds of a pass, of the sensor's decision and of the first pass over a year that was never
thinned. Observations are written directly: through the workflow a year would take an hour.
"""

PASSES_PER_DAY = 720
PASSES = 30
