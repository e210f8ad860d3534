"""The Dagster code location: everything in ``pipelines/defs``.

Loading it needs no account, no network and no warehouse file. Raises ``SettingsError`` for a wrong setting.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Loads ``pipelines/defs``."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
