"""The Dagster code location: everything in ``pipelines/defs``.

Loading it needs no account, no network and no warehouse file. Raises ``SettingsError`` for a wrong setting.
"""

from pathlib import Path

import dagster as dg

from pipelines.bootstrap import load_checked_settings
from pipelines.up.home_locks import mark_home_in_use


@dg.definitions
def defs() -> dg.Definitions:
    """Loads ``pipelines/defs``."""
    mark_home_in_use()  # the runs of this process are alive
    # First, so that a wrong setting is one line: an error within the folder comes with the tree of its modules.
    load_checked_settings()
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
