"""Normalisation of one dataset's responses: JSON records in, typed rows and rejected records out."""

from assets.normalise.frame import NormalisedRecords, ParsedResponse, normalise
from assets.normalise.record_list import RecordList
from assets.normalise.records import ResponseSource, extract_records, incompleteness, read_records

__all__ = [
    "NormalisedRecords",
    "ParsedResponse",
    "RecordList",
    "ResponseSource",
    "extract_records",
    "incompleteness",
    "normalise",
    "read_records",
]
