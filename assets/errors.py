"""Contract violations of a whole response.

The response stays in raw and is not loaded; the message names the setting that may fix it.

::

    ContractViolation
    +-- RecordsNotFound     no records at the defined path
    +-- MissingField        a required field is in no record
    +-- UnitMismatch        the numbers look counted in another unit than the defined one
"""


class ContractViolation(Exception):
    """Base class."""


class RecordsNotFound(ContractViolation):
    """There are no records at the defined path."""


class MissingField(ContractViolation):
    """A required field is in no record."""


class UnitMismatch(ContractViolation):
    """Fractions where percent are defined, or dollars where cents are."""
