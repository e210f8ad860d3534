"""The doctor's proposals for the top-ups: further status words, the zone of the vendor's times, a list of paid rows."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.compute as pc

from assets.doctor import ProbeResult
from assets.doctor.probe import loaded_rows
from pipelines.bootstrap import configured_policy, configured_units
from pipelines.settings import Settings
from topups.ledger import Ledger, LedgerUnavailable, Payment, open_ledger_readonly
from topups.payment_states import State
from topups.vendor.setting_proposals import likely_status, offset_text, zone_name
from topups.vendor.statuses import ALL_STATUSES, PAID, PART_PAID, REFUND, is_unknown, parse_status
from topups.workflow.vendor_times import OBSERVATION

PAID_ROWS = PAID | PART_PAID | REFUND
# Accepted by the vendor, and nobody has paid it: a list of paid rows does not show it.
UNPAID = frozenset({State.OPEN, State.EXPIRED, State.CLOSED, State.UNKNOWN, State.NEEDS_HUMAN})
COLUMNS = ("status", "payment_id", "session_id")
# By the table's name: a comment and the entries.
SuggestedTables = dict[tuple[str, ...], tuple[str, dict[str, Any]]]
PAID_ONLY: SuggestedTables = {
    ("topup",): (
        "the vendor lists paid payments only; add this line to the table [topup] of the file",
        {"list_shows_paid_only": True},
    )
}


def suggest_topup_tables(settings: Settings, results: Sequence[ProbeResult]) -> SuggestedTables:
    """Tables for ``smsonline.toml`` with their comments, from the responses and the ledger, if there is one."""
    policy = configured_policy(settings)
    rows = loaded_rows(results, "invoices")
    columns = {name: [] if rows is None else pc.drop_null(rows[name]).to_pylist() for name in COLUMNS}
    statuses = [parse_status(text, policy.statuses) for text in columns["status"]]
    tables = _status_table(sorted(set(filter(is_unknown, statuses))))
    try:
        with open_ledger_readonly(settings.ledger.get_secret_value()) as ledger:
            account = settings.account.user_id
            tables |= _zone_table(ledger, account, configured_units(settings).zone)
            listed = {*columns["payment_id"], *columns["session_id"]}
            only_paid = bool(statuses) and PAID_ROWS.issuperset(statuses) and not policy.list_shows_paid_only
            if only_paid and any(_is_missing(payment, listed) for payment in ledger.payments(account, UNPAID, 50)):
                tables |= PAID_ONLY
    except LedgerUnavailable:
        pass  # there is none yet, or the environment check reports it
    return tables


def _status_table(unknown: list[str]) -> SuggestedTables:
    guesses = {json.dumps(status): likely for status in unknown if (likely := likely_status(status))}
    unexplained = [json.dumps(status) for status in unknown if not likely_status(status)]
    comment = "guesses, to be compared with the vendor's site: what counts as paid or unpaid depends on them"
    if unexplained:
        comment += f"; {', '.join(unexplained)} can be one of {', '.join(sorted(ALL_STATUSES))}"
    return {("topup", "statuses"): (comment, guesses)} if unknown else {}


def _zone_table(ledger: Ledger, account_id: str, zone: str) -> SuggestedTables:
    observed = ledger.observations(account_id, OBSERVATION, limit=1)
    if not observed or not observed[0].figure or observed[0].payload.get("zone") != zone:
        return {}
    offset = timedelta(minutes=observed[0].figure)
    name = zone_name(zone, offset, datetime.now(UTC))
    comment = f"the vendor's times of payments are {offset_text(offset)} {zone}, by the time of a request"
    return {("topup_units",): (comment, {"zone": name})} if name else {}


def _is_missing(payment: Payment, listed: set[str]) -> bool:
    names = {payment.vendor_payment_id, payment.create_response.session_id, payment.create_response.order_id}
    return payment.claim is not None and listed.isdisjoint(names)
