"""The kill switch of the environment. The ledger has another one; either of them stops."""

import os
from collections.abc import Mapping

KILL_VARIABLE = "SMSONLINE_TOPUP_KILL"
OFF_VALUES = frozenset({"", "0", "false", "no", "off"})


def kill_switch_on(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the kill switch of the environment is on: any value except an empty one, 0, false, no, off."""
    given = os.environ if environment is None else environment
    return given.get(KILL_VARIABLE, "").strip().lower() not in OFF_VALUES
