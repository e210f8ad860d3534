"""What can be wrong with an answer that arrived, grouped by what the reader can do about it.

::

    ContractViolation           kept in raw, not loaded; one clear line that names the setting which may mend it
    +-- RecordsNotFound        no records where the declaration says they are
    +-- MissingField        a required field is missing from every record
    +-- UnitMismatch      the numbers look counted in another unit than the declared one
"""

from __future__ import annotations


class ContractViolation(Exception):
    """Base of the refusals of this room."""


class RecordsNotFound(ContractViolation):
    """The records are not where the declaration says."""


class MissingField(ContractViolation):
    """A required field is missing everywhere."""


class UnitMismatch(ContractViolation):
    """Fractions where percent are declared, or dollars where cents are."""
