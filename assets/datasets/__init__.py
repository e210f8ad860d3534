"""The datasets: one definition each, how it is fetched, normalised, stored and checked."""

from assets.datasets.definitions import DATASETS
from assets.datasets.spec import Dataset, FanOut, Field

__all__ = ["DATASETS", "Dataset", "FanOut", "Field"]
