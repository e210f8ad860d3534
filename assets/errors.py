"""What can be wrong with an answer that arrived, grouped by what the reader can do about it.

::

    AnswerRefused           kept in raw, not loaded; one clear line that names the setting which may mend it
    +-- ShapeUnknown        no records where the declaration says they are
    +-- FieldMissing        a required field is missing from every record
    +-- UnitSuspicious      the numbers look counted in another unit than the declared one
"""

from __future__ import annotations


class AnswerRefused(Exception):
    """Base of the refusals of this room."""


class ShapeUnknown(AnswerRefused):
    """The records are not where the declaration says."""


class FieldMissing(AnswerRefused):
    """A required field is missing everywhere."""


class UnitSuspicious(AnswerRefused):
    """Fractions where percent are declared, or dollars where cents are."""
