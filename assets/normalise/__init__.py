"""Normalisation of one dataset's responses: JSON records in, typed rows and rejected records out."""

from assets.normalise.frame import NormalisedRecords, ParsedResponse, normalise
from assets.normalise.records import extract_records

__all__ = ["NormalisedRecords", "ParsedResponse", "extract_records", "normalise"]
