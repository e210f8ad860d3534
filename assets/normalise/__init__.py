"""Normalisation of one dataset's responses: JSON records in, typed rows and rejected records out."""

from assets.normalise.frame import NormalisedRecords, ParsedResponse, normalise
from assets.normalise.records import ResponseSource, extract_records, read_records

__all__ = [
    "NormalisedRecords",
    "ParsedResponse",
    "ResponseSource",
    "extract_records",
    "normalise",
    "read_records",
]
