"""``smsonline topup notify``: the configured addresses, and a test message to each."""

import sys

from pipelines.cli.console import FAILED, exit_on_topup_error, load_command_settings, print_json, print_table
from pipelines.settings import SettingsError
from pipelines.topups.notifications import check_addresses

TEXTS = {None: "not tested", True: "accepted", False: "failed"}


def run_notify(*, test: bool, as_json: bool) -> None:
    """Prints a row per address; exits 1 when one cannot be used, 2 when none is set."""
    with exit_on_topup_error(as_json=as_json):
        results = check_addresses(load_command_settings(), send=test)
        if not results:
            raise SettingsError("SMSONLINE_TOPUP_NOTIFY is not set: set it to one or several apprise URLs")
    if as_json:
        print_json({"addresses": [result.as_json() for result in results]})
    else:
        rows = [[result.number, result.address, TEXTS[result.accepted], result.problem] for result in results]
        print_table("addresses for notices", ["number", "address", "message", "problem"], rows)
    if any(result.problem for result in results):
        sys.exit(FAILED)
