"""Contract violations of a whole response.

The response stays in raw and is not loaded; the message names the setting that may fix it.

::

    ContractViolation
    +-- RecordsNotFound     no records at the defined path
    +-- MissingField        a required field is in no record
    +-- UnitMismatch        the numbers look counted in another unit than the defined one
    +-- IncompleteResponse  the envelope speaks of more records than came
"""

from collections.abc import Sequence

from warehouse.loading.batch import RejectedRecord


class ContractViolation(Exception):
    """Base class.

    ``fetched`` counts the records that could be read of the refused responses, ``rejects`` holds up to 100 of them with
    the reason as examples. Both are empty where no record could be read.
    """

    def __init__(self, message: str, fetched: int = 0, rejects: Sequence[RejectedRecord] = ()) -> None:
        super().__init__(message)
        self.fetched = fetched
        self.rejects = rejects


class RecordsNotFound(ContractViolation):
    """There are no records at the defined path."""


class MissingField(ContractViolation):
    """A required field is in no record."""


class UnitMismatch(ContractViolation):
    """Fractions where percent are defined, or dollars where cents are."""


class IncompleteResponse(ContractViolation):
    """The envelope speaks of more rows or pages than came."""
